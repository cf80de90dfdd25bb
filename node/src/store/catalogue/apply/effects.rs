//! The effects of a batch beside its records.

use carnet_protocol::digest::Digest;
use carnet_protocol::identifier::Country;
use carnet_protocol::time::HOUR;
use sqlx::SqliteConnection;

use crate::store::catalogue::batch::Batch;
use crate::store::catalogue::error::AppendError;
use crate::store::catalogue::row::{from_sql, to_sql};
use crate::store::catalogue::writer::Progress;

pub(super) async fn apply(conn: &mut SqliteConnection, batch: &Batch, progress: &mut Progress) -> Result<(), AppendError> {
    for (partner, record) in &batch.feed {
        feed(conn, *partner, *record, progress).await?;
    }
    if let Some((partner, seq)) = batch.cursor {
        // Only forward: an answer that was delayed must not bring records back.
        sqlx::query(
            "INSERT INTO feed_cursors (partner, seq) VALUES ($1, $2)
             ON CONFLICT (partner) DO UPDATE SET seq = excluded.seq WHERE excluded.seq > feed_cursors.seq",
        )
        .bind(partner.as_str())
        .bind(to_sql(seq))
        .execute(&mut *conn)
        .await?;
    }
    for (record, opening) in &batch.openings {
        sqlx::query("INSERT INTO openings (record, commitment, sealed) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
            .bind(record.as_bytes())
            .bind(opening.commitment.as_bytes())
            .bind(opening.sealed.as_slice())
            .execute(&mut *conn)
            .await
            .map_err(|error| unless_held(error, *record))?;
    }
    payloads(conn, batch).await?;
    intents(conn, batch).await?;
    for refusal in &batch.refusals {
        sqlx::query(
            "INSERT INTO refusals (partner, code, hour, count) VALUES ($1, $2, $3, $4)
             ON CONFLICT (partner, code, hour) DO UPDATE SET count = refusals.count + excluded.count",
        )
        .bind(refusal.partner.as_str())
        .bind(refusal.reason.code())
        .bind(refusal.at.0.div_euclid(HOUR))
        .bind(i64::from(refusal.count))
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

/// Puts a record at the end of a partner's feed, unless it is in there.
pub(super) async fn feed(
    conn: &mut SqliteConnection,
    partner: Country,
    record: Digest,
    progress: &mut Progress,
) -> Result<(), AppendError> {
    let head = match progress.heads.get(&partner) {
        Some(head) => *head,
        None => {
            let head: Option<i64> = sqlx::query_scalar("SELECT MAX(seq) FROM release_feed WHERE partner = $1")
                .bind(partner.as_str())
                .fetch_one(&mut *conn)
                .await?;
            from_sql(head.unwrap_or(0))?
        }
    };
    let inserted = sqlx::query(
        "INSERT INTO release_feed (partner, seq, record)
         SELECT $1, $2, $3 WHERE NOT EXISTS
             (SELECT 1 FROM release_feed WHERE record = $3 AND partner = $1 AND withdrawn = 0)",
    )
    .bind(partner.as_str())
    .bind(to_sql(head + 1))
    .bind(record.as_bytes())
    .execute(&mut *conn)
    .await;
    let added = inserted.map_err(|error| unless_held(error, record))?.rows_affected();
    progress.heads.insert(partner, head + added);
    Ok(())
}

fn unless_held(error: sqlx::Error, record: Digest) -> AppendError {
    match error.as_database_error() {
        Some(database) if database.is_foreign_key_violation() => AppendError::NotHeld { what: format!("record {record}") },
        _ => error.into(),
    }
}

async fn payloads(conn: &mut SqliteConnection, batch: &Batch) -> Result<(), AppendError> {
    for change in &batch.payloads {
        let (state, sealed, hashes) = change.place.parts();
        let done = sqlx::query("UPDATE payloads SET state = $3, sealed = $4, hashes = $5 WHERE record = $1 AND idx = $2")
            .bind(change.record.as_bytes())
            .bind(i64::from(change.index))
            .bind(state)
            .bind(sealed)
            .bind(hashes)
            .execute(&mut *conn)
            .await?;
        if done.rows_affected() == 0 {
            return Err(AppendError::NotHeld { what: format!("payload {} of record {}", change.index, change.record) });
        }
    }
    Ok(())
}

async fn intents(conn: &mut SqliteConnection, batch: &Batch) -> Result<(), AppendError> {
    for intent in &batch.intents {
        sqlx::query(
            "INSERT INTO intents (staging, record, idx, size, root, partner, created) VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (staging) DO NOTHING",
        )
        .bind(intent.staging.as_str())
        .bind(intent.record.as_bytes())
        .bind(i64::from(intent.index))
        .bind(to_sql(intent.size))
        .bind(intent.root.as_bytes())
        .bind(intent.partner.as_ref().map(Country::as_str))
        .bind(intent.created.0)
        .execute(&mut *conn)
        .await?;
    }
    for staging in &batch.intents_done {
        sqlx::query("DELETE FROM intents WHERE staging = $1").bind(staging.as_str()).execute(&mut *conn).await?;
    }
    Ok(())
}
