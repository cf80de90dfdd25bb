//! What release and withdrawal records do to other rows. It follows from the verified record, so that no caller can forget it.

use carnet_protocol::cbor;
use carnet_protocol::digest::Digest;
use carnet_protocol::identifier::Country;
use carnet_protocol::record::{Content, Record, Release, Withdrawal};
use carnet_protocol::signed::Verified;
use sqlx::SqliteConnection;

use crate::store::catalogue::error::StorageFault;

pub(super) async fn derive(conn: &mut SqliteConnection, us: Country, record: &Verified<Record>) -> Result<(), StorageFault> {
    let maker = record.statement().maker.administration;
    // The view was checked when the record was read.
    match record.statement().view() {
        Ok(Content::Release(content)) => release(conn, record.id(), maker, &content).await,
        Ok(Content::Withdrawal(content)) => withdrawal(conn, us, record.id(), maker, &content).await,
        _ => Ok(()),
    }
}

/// Whose record it is may not be known yet; whoever asks for a release names the maker ([`super::super::Catalogue::released`]).
async fn release(conn: &mut SqliteConnection, id: Digest, maker: Country, content: &Release) -> Result<(), StorageFault> {
    sqlx::query("INSERT INTO releases (release, record, maker, recipient, payloads, until) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(id.as_bytes())
        .bind(content.record.as_bytes())
        .bind(maker.as_str())
        .bind(content.to.as_str())
        .bind(cbor::encode(&content.payloads))
        .bind(content.until.map(|until| until.0))
        .execute(conn)
        .await?;
    Ok(())
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
