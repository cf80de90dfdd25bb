//! What release and withdrawal records do to other rows. It follows from the verified record, so that no caller can forget it.

use carnet_protocol::cbor;
use carnet_protocol::digest::Digest;
use carnet_protocol::identifier::Country;
use carnet_protocol::record::{Content, PayloadRef, Record, Release, Withdrawal};
use carnet_protocol::signed::Verified;
use sqlx::SqliteConnection;

use crate::store::catalogue::error::StorageFault;

pub(super) async fn derive(conn: &mut SqliteConnection, us: Country, record: &Verified<Record>) -> Result<(), StorageFault> {
    let maker = record.statement().maker.administration;
    // The view was checked when the record was read.
    match record.statement().view() {
        Ok(Content::Release(content)) => release(conn, us, record.id(), maker, &content).await,
        Ok(Content::Withdrawal(content)) => withdrawal(conn, us, record.id(), maker, &content).await,
        _ => Ok(()),
    }
}

/// Whose record it is may not be known yet; whoever asks for a release names the maker ([`super::super::Catalogue::released`]).
async fn release(conn: &mut SqliteConnection, us: Country, id: Digest, maker: Country, content: &Release) -> Result<(), StorageFault> {
    sqlx::query("INSERT INTO releases (release, record, maker, recipient, payloads) VALUES ($1, $2, $3, $4, $5)")
        .bind(id.as_bytes())
        .bind(content.record.as_bytes())
        .bind(maker.as_str())
        .bind(content.to.as_str())
        .bind(cbor::encode(&content.payloads))
        .execute(&mut *conn)
        .await?;
    if content.to == us {
        for index in &content.payloads {
            sqlx::query(
                "UPDATE payloads SET state = 'absent' WHERE record = $1 AND idx = $2 AND state = 'withheld'
                 AND EXISTS (SELECT 1 FROM records WHERE id = $1 AND administration = $3)",
            )
            .bind(content.record.as_bytes())
            .bind(i64::from(*index))
            .bind(maker.as_str())
            .execute(&mut *conn)
            .await?;
        }
    }
    Ok(())
}

/// Which absent payloads of a partner's new record stay with their maker: those whose own handling does not name us, and that no
/// release which came before gives us. Most native files are such; whoever fetches what is absent must not meet them every time.
pub(super) async fn withheld(conn: &mut SqliteConnection, us: Country, record: &Verified<Record>) -> Result<Vec<bool>, StorageFault> {
    let statement = record.statement();
    let ours = |payload: &PayloadRef| payload.handling.as_ref().is_none_or(|handling| handling.names(us));
    let mut withheld: Vec<bool> = statement.payloads.iter().map(|payload| !ours(payload)).collect();
    if withheld.contains(&true) {
        let releases: Vec<Vec<u8>> =
            sqlx::query_scalar("SELECT payloads FROM releases WHERE record = $1 AND recipient = $2 AND maker = $3 AND withdrawn = 0")
                .bind(record.id().as_bytes())
                .bind(us.as_str())
                .bind(statement.maker.administration.as_str())
                .fetch_all(conn)
                .await?;
        for payloads in releases {
            let indexes: Vec<u32> = minicbor::decode(&payloads).map_err(|_| StorageFault::corrupt("a release's payloads are malformed"))?;
            for index in indexes {
                if let Some(withheld) = withheld.get_mut(index as usize) {
                    *withheld = false;
                }
            }
        }
    }
    Ok(withheld)
}

async fn withdrawal(
    conn: &mut SqliteConnection,
    us: Country,
    id: Digest,
    maker: Country,
    content: &Withdrawal,
) -> Result<(), StorageFault> {
    let (record, maker) = (content.record.as_bytes(), maker.as_str());
    let recipient = content.from.as_ref().map(Country::as_str);
    sqlx::query("INSERT INTO withdrawals (withdrawal, record, maker, recipient) VALUES ($1, $2, $3, $4)")
        .bind(id.as_bytes())
        .bind(record)
        .bind(maker)
        .bind(recipient)
        .execute(&mut *conn)
        .await?;
    sqlx::query("UPDATE releases SET withdrawn = 1 WHERE record = $1 AND maker = $2 AND ($3 IS NULL OR recipient = $3)")
        .bind(record)
        .bind(maker)
        .bind(recipient)
        .execute(&mut *conn)
        .await?;
    // Only its maker takes a record back. Taken back from us, it goes to nobody else through us either.
    let everywhere = content.from.is_none_or(|from| from == us);
    if everywhere {
        sqlx::query("UPDATE records SET withdrawn = 1 WHERE id = $1 AND administration = $2")
            .bind(record)
            .bind(maker)
            .execute(&mut *conn)
            .await?;
    }
    sqlx::query(
        "UPDATE release_feed SET withdrawn = 1 WHERE record = $1 AND withdrawn = 0 AND ($3 IS NULL OR partner = $3)
         AND EXISTS (SELECT 1 FROM records WHERE id = $1 AND administration = $2)",
    )
    .bind(record)
    .bind(maker)
    .bind(if everywhere { None } else { recipient })
    .execute(conn)
    .await?;
    Ok(())
}
