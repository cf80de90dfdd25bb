//! One batch, applied inside the writer's transaction.

mod derive;
mod effects;

use carnet_protocol::digest::Digest;
use carnet_protocol::identifier::Country;
use carnet_protocol::merkle::leaf_hash;
use carnet_protocol::record::{Kind, Record};
use carnet_protocol::signed::Verified;
use carnet_protocol::time::Timestamp;
use sqlx::SqliteConnection;

use super::batch::{Appended, Batch, Fate, OwnRecord, PartnerRecord, PayloadPlace, SealedOpening};
use super::error::{AppendError, StorageFault};
use super::row::{digest, from_sql, listed, to_sql};
use super::writer::Progress;

/// What is new in the row of a record, beside the record.
struct Row<'a> {
    record: &'a Verified<Record>,
    own: bool,
    native: Option<Digest>,
    wrapped_key: Option<&'a [u8]>,
    openings: &'a [SealedOpening],
    payloads: &'a [PayloadPlace],
}

pub(super) async fn apply(
    conn: &mut SqliteConnection,
    us: Country,
    origin: Option<&str>,
    batch: &Batch,
    progress: &mut Progress,
) -> Result<Vec<Appended>, AppendError> {
    let mut appended = Vec::with_capacity(batch.records());
    for own in &batch.own {
        let origin = origin.ok_or(AppendError::NoLogKey)?;
        appended.push(append_own(conn, us, origin, own, batch.at, progress).await?);
    }
    for partner in &batch.partner {
        appended.push(append_partner(conn, us, partner, batch.at, progress).await?);
    }
    effects::apply(conn, batch, progress).await?;
    Ok(appended)
}

async fn append_own(
    conn: &mut SqliteConnection,
    us: Country,
    origin: &str,
    own: &OwnRecord,
    at: Timestamp,
    progress: &mut Progress,
) -> Result<Appended, AppendError> {
    let record = &own.record;
    let maker = &record.statement().maker;
    if maker.administration != us || maker.log != origin {
        return Err(AppendError::NotOurs { id: record.id() });
    }
    if let Some(held) = held(conn, record, us, at, None).await? {
        return Ok(held);
    }
    if let Some(native) = own.native_sha256 {
        let first: Option<(Vec<u8>, i64, Option<i64>)> =
            sqlx::query_as("SELECT id, seq, log_index FROM records WHERE own = 1 AND native_sha256 = $1")
                .bind(native.as_bytes())
                .fetch_optional(&mut *conn)
                .await?;
        if let Some((id, seq, log_index)) = first {
            return known(digest(&id)?, seq, log_index, Fate::Duplicate);
        }
    }
    let row = Row {
        record,
        own: true,
        native: own.native_sha256,
        wrapped_key: own.wrapped_key.as_deref(),
        openings: &own.openings,
        payloads: &own.payloads,
    };
    let appended = insert(conn, us, &row, at, progress).await?;
    for partner in &own.feed {
        effects::feed(conn, *partner, record.id(), progress).await?;
    }
    Ok(appended)
}

async fn append_partner(
    conn: &mut SqliteConnection,
    us: Country,
    partner: &PartnerRecord,
    at: Timestamp,
    progress: &mut Progress,
) -> Result<Appended, AppendError> {
    let record = &partner.record;
    if let Some(held) = held(conn, record, partner.from, at, Some(&partner.proof)).await? {
        return Ok(held);
    }
    let row = Row {
        record,
        own: false,
        native: None,
        wrapped_key: partner.wrapped_key.as_deref(),
        openings: &partner.openings,
        payloads: &partner.payloads,
    };
    let appended = insert(conn, us, &row, at, progress).await?;
    sqlx::query("INSERT INTO proofs (record, proof) VALUES ($1, $2)")
        .bind(record.id().as_bytes())
        .bind(partner.proof.as_slice())
        .execute(conn)
        .await?;
    Ok(appended)
}

/// Looks for the record's id. Other bytes under it are an equivocation: whoever signed them vouched for the same statement twice.
async fn held(
    conn: &mut SqliteConnection,
    record: &Verified<Record>,
    sender: Country,
    at: Timestamp,
    proof: Option<&[u8]>,
) -> Result<Option<Appended>, AppendError> {
    let id = record.id();
    let row: Option<(i64, Option<i64>, Vec<u8>)> =
        sqlx::query_as("SELECT seq, log_index, entry FROM records WHERE id = $1").bind(id.as_bytes()).fetch_optional(&mut *conn).await?;
    let Some((seq, log_index, first)) = row else { return Ok(None) };
    let entry = record.entry();
    if first == entry.as_bytes() {
        return known(id, seq, log_index, Fate::Known).map(Some);
    }
    sqlx::query(
        "INSERT INTO equivocations (id, first_entry, second_entry, second, sender, seen, proof) VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT DO NOTHING",
    )
    .bind(id.as_bytes())
    .bind(first)
    .bind(entry.as_bytes())
    .bind(record.bytes())
    .bind(sender.as_str())
    .bind(at.0)
    .bind(proof)
    .execute(conn)
    .await?;
    known(id, seq, log_index, Fate::Equivocation).map(Some)
}

fn known(id: Digest, seq: i64, log_index: Option<i64>, fate: Fate) -> Result<Appended, AppendError> {
    Ok(Appended { id, seq: from_sql(seq)?, log_index: log_index.map(from_sql).transpose()?, fate })
}

async fn insert(
    conn: &mut SqliteConnection,
    us: Country,
    row: &Row<'_>,
    at: Timestamp,
    progress: &mut Progress,
) -> Result<Appended, AppendError> {
    let (id, entry, record) = (row.record.id(), row.record.entry(), row.record.statement());
    let log_index = row.own.then(|| {
        let Progress { frontier, nodes, .. } = progress;
        let index = frontier.size();
        frontier.push(leaf_hash(entry.as_bytes()), |level, index, hash| nodes.push((level, index, hash)));
        index
    });
    let (container, goods) = listed(record);
    // A withdrawal can come before its record, by another way.
    let seq: i64 = sqlx::query_scalar(
        "INSERT INTO records (id, kind, inspection, administration, made, received, own, log_index, container, goods,
                              entry, native_sha256, wrapped_key, signed, withdrawn)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,
                COUNT(*) > 0 FROM withdrawals WHERE record = $1 AND maker = $4 AND (recipient IS NULL OR recipient = $15)
         RETURNING seq",
    )
    .bind(id.as_bytes())
    .bind(record.kind.as_str())
    .bind(record.inspection.as_str())
    .bind(record.maker.administration.as_str())
    .bind(record.made.0)
    .bind(at.0)
    .bind(row.own)
    .bind(log_index.map(to_sql))
    .bind(container)
    .bind(goods)
    .bind(entry.as_bytes())
    .bind(row.native.as_ref().map(Digest::as_bytes))
    .bind(row.wrapped_key)
    .bind(row.record.bytes())
    .bind(us.as_str())
    .fetch_one(&mut *conn)
    .await?;
    beside(conn, us, row).await?;
    derive::derive(conn, us, row.record).await?;
    let mut count = |name: &str| *progress.counts.entry(name.to_owned()).or_default() += 1;
    count(if row.own { "own" } else { "partner" });
    match &record.kind {
        // Words of later versions are the partner's choice, and no reason to grow the table.
        Kind::Other(_) => count("kind:other"),
        kind => count(&format!("kind:{kind}")),
    }
    Ok(Appended { id, seq: from_sql(seq)?, log_index, fate: Fate::New })
}

/// Openings, payloads and parents.
async fn beside(conn: &mut SqliteConnection, us: Country, row: &Row<'_>) -> Result<(), StorageFault> {
    let (id, record) = (row.record.id(), row.record.statement());
    for opening in row.openings {
        sqlx::query("INSERT INTO openings (record, commitment, sealed) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
            .bind(id.as_bytes())
            .bind(opening.commitment.as_bytes())
            .bind(opening.sealed.as_slice())
            .execute(&mut *conn)
            .await?;
    }
    let withheld = if row.own { vec![false; record.payloads.len()] } else { derive::withheld(conn, us, row.record).await? };
    for ((index, payload), withheld) in (0i64..).zip(&record.payloads).zip(withheld) {
        let place = usize::try_from(index).ok().and_then(|index| row.payloads.get(index)).unwrap_or(&PayloadPlace::Absent);
        let (state, sealed, hashes) = match place {
            PayloadPlace::Absent if withheld => ("withheld", None, None),
            place => place.parts(),
        };
        sqlx::query(
            "INSERT INTO payloads (record, idx, role, media, size, root, sha256, state, sealed, hashes)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(id.as_bytes())
        .bind(index)
        .bind(payload.role.as_str())
        .bind(payload.media.as_str())
        .bind(to_sql(payload.size))
        .bind(payload.root.as_bytes())
        .bind(payload.sha256.as_bytes())
        .bind(state)
        .bind(sealed)
        .bind(hashes)
        .execute(&mut *conn)
        .await?;
    }
    for parent in &record.parents {
        sqlx::query("INSERT INTO parents (child, parent, role) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
            .bind(id.as_bytes())
            .bind(parent.record.as_bytes())
            .bind(parent.role.as_str())
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}
