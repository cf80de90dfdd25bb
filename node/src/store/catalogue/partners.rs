//! Partners: their pinned roots, where they are, their revocation lists and log keys.
//!
//! These are the operator's acts and the hello's news: rare, and no part of a batch. Each is its own durable transaction.

use carnet_protocol::cbor;
use carnet_protocol::digest::Digest;
use carnet_protocol::identifier::Country;
use carnet_protocol::pki::{MAX_CRLS, Root};
use carnet_protocol::time::Timestamp;
use carnet_protocol::wire::LogKey;
use sqlx::Connection as _;

use super::Catalogue;
use super::error::{AppendError, ReadError, StorageFault};
use super::row::{country, digest};

/// Revocation lists kept for one partner.
pub const MAX_PARTNER_CRLS: usize = MAX_CRLS;
/// Log keys kept for one partner: more would be a partner that changes its key with every hello.
const MAX_LOG_KEYS: i64 = 64;
/// Endpoints of one partner.
const MAX_ENDPOINTS: usize = 16;

/// A partner administration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partner {
    /// Its code.
    pub administration: Country,
    /// Its name.
    pub name: String,
    /// Its root certificate (DER), pinned after an officer compared the fingerprint.
    pub root: Vec<u8>,
    /// SHA-256 of the root's DER.
    pub fingerprint: Digest,
    /// Where its nodes answer: host and port.
    pub endpoints: Vec<String>,
    /// Since when it is a partner.
    pub added: Timestamp,
}

impl Partner {
    /// A partner with the root that its officer vouches for.
    pub fn new(root: &Root, endpoints: Vec<String>, added: Timestamp) -> Self {
        Self {
            administration: root.administration(),
            name: root.administration_name().to_owned(),
            root: root.der().to_vec(),
            fingerprint: root.fingerprint(),
            endpoints,
            added,
        }
    }
}

/// A key that a partner's log was seen to be signed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartnerLogKey {
    /// The log.
    pub origin: String,
    /// The certificate chain.
    pub key: LogKey,
    /// When it was first seen.
    pub seen: Timestamp,
}

type PartnerRow = (String, String, Vec<u8>, Vec<u8>, String, i64);
const COLUMNS: &str = "administration, name, root, fingerprint, endpoints, added";

impl Catalogue {
    /// Adds a partner, or replaces what is known of it.
    ///
    /// # Errors
    /// More than 16 endpoints, or the database.
    pub async fn put_partner(&self, partner: &Partner) -> Result<(), AppendError> {
        if partner.endpoints.len() > MAX_ENDPOINTS {
            return Err(AppendError::TooLarge { what: "endpoints", count: partner.endpoints.len(), limit: MAX_ENDPOINTS });
        }
        // JSON of strings cannot fail.
        let endpoints = serde_json::to_string(&partner.endpoints).unwrap_or_else(|_| "[]".to_owned());
        sqlx::query(
            "INSERT INTO partners (administration, name, root, fingerprint, endpoints, added) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (administration) DO UPDATE SET name = excluded.name, root = excluded.root,
                 fingerprint = excluded.fingerprint, endpoints = excluded.endpoints",
        )
        .bind(partner.administration.as_str())
        .bind(partner.name.as_str())
        .bind(partner.root.as_slice())
        .bind(partner.fingerprint.as_bytes())
        .bind(endpoints)
        .bind(partner.added.0)
        .execute(&mut self.desk().await?)
        .await?;
        Ok(())
    }

    /// Removes a partner with its lists and keys. Its records, its feed and its cursor stay: it may come back.
    ///
    /// # Errors
    /// [`AppendError::NotHeld`] if it is no partner.
    pub async fn remove_partner(&self, administration: Country) -> Result<(), AppendError> {
        let done = sqlx::query("DELETE FROM partners WHERE administration = $1")
            .bind(administration.as_str())
            .execute(&mut self.desk().await?)
            .await?;
        if done.rows_affected() == 0 {
            return Err(AppendError::NotHeld { what: format!("partner {administration}") });
        }
        Ok(())
    }

    /// A partner.
    ///
    /// # Errors
    /// [`ReadError::NotFound`].
    pub async fn partner(&self, administration: Country) -> Result<Partner, ReadError> {
        let row: Option<PartnerRow> = sqlx::query_as(&format!("SELECT {COLUMNS} FROM partners WHERE administration = $1"))
            .bind(administration.as_str())
            .fetch_optional(&mut *self.reader().await?)
            .await?;
        Ok(partner(row.ok_or_else(|| ReadError::not_found(format!("partner {administration}")))?)?)
    }

    /// All partners, by code.
    ///
    /// # Errors
    /// The database.
    pub async fn partners(&self) -> Result<Vec<Partner>, ReadError> {
        let rows: Vec<PartnerRow> = sqlx::query_as(&format!("SELECT {COLUMNS} FROM partners ORDER BY administration"))
            .fetch_all(&mut *self.reader().await?)
            .await?;
        Ok(rows.into_iter().map(partner).collect::<Result<_, _>>()?)
    }

    /// Replaces the revocation lists (DER) held for a partner. They were verified by who calls.
    ///
    /// # Errors
    /// More than [`MAX_PARTNER_CRLS`], or the database.
    pub async fn put_crls(&self, partner: Country, lists: &[Vec<u8>]) -> Result<(), AppendError> {
        if lists.len() > MAX_PARTNER_CRLS {
            return Err(AppendError::TooLarge { what: "revocation lists", count: lists.len(), limit: MAX_PARTNER_CRLS });
        }
        let mut desk = self.desk().await?;
        let mut transaction = desk.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("DELETE FROM partner_crls WHERE partner = $1").bind(partner.as_str()).execute(&mut *transaction).await?;
        for der in lists {
            sqlx::query("INSERT INTO partner_crls (partner, digest, der) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
                .bind(partner.as_str())
                .bind(Digest::of(der).as_bytes())
                .bind(der.as_slice())
                .execute(&mut *transaction)
                .await
                .map_err(|error| unless_partner(error, partner))?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// The revocation lists (DER) held for a partner.
    ///
    /// # Errors
    /// The database.
    pub async fn crls(&self, partner: Country) -> Result<Vec<Vec<u8>>, ReadError> {
        let lists = sqlx::query_scalar("SELECT der FROM partner_crls WHERE partner = $1 ORDER BY digest").bind(partner.as_str());
        Ok(lists.fetch_all(&mut *self.reader().await?).await?)
    }

    /// Notes a key of a partner's log, validated by who calls; one that is known already keeps its date.
    ///
    /// # Errors
    /// [`AppendError::NotHeld`] for no partner, [`AppendError::TooLarge`] for the 65th key, or the database.
    pub async fn put_log_key(&self, partner: Country, origin: &str, key: &LogKey, seen: Timestamp) -> Result<(), AppendError> {
        let bytes = cbor::encode(key);
        let id = Digest::of(&bytes);
        let mut desk = self.desk().await?;
        let mut transaction = desk.begin_with("BEGIN IMMEDIATE").await?;
        let (known, count): (i64, i64) = sqlx::query_as(
            "SELECT COALESCE(SUM(CASE WHEN digest = $2 THEN 1 ELSE 0 END), 0), COUNT(*) FROM partner_log_keys WHERE partner = $1",
        )
        .bind(partner.as_str())
        .bind(id.as_bytes())
        .fetch_one(&mut *transaction)
        .await?;
        if known > 0 {
            return Ok(());
        }
        if count >= MAX_LOG_KEYS {
            return Err(AppendError::TooLarge { what: "log keys of one partner", count: 65, limit: 64 });
        }
        sqlx::query("INSERT INTO partner_log_keys (partner, digest, origin, log_key, seen) VALUES ($1, $2, $3, $4, $5)")
            .bind(partner.as_str())
            .bind(id.as_bytes())
            .bind(origin)
            .bind(bytes)
            .bind(seen.0)
            .execute(&mut *transaction)
            .await
            .map_err(|error| unless_partner(error, partner))?;
        transaction.commit().await?;
        Ok(())
    }

    /// The keys of a partner's logs, newest first.
    ///
    /// # Errors
    /// The database.
    pub async fn log_keys(&self, partner: Country) -> Result<Vec<PartnerLogKey>, ReadError> {
        let rows: Vec<(String, Vec<u8>, i64)> =
            sqlx::query_as("SELECT origin, log_key, seen FROM partner_log_keys WHERE partner = $1 ORDER BY seen DESC")
                .bind(partner.as_str())
                .fetch_all(&mut *self.reader().await?)
                .await?;
        let keys = rows.into_iter().map(|(origin, bytes, seen)| {
            let key = minicbor::decode(&bytes).map_err(|_| StorageFault::corrupt("a partner's log key is malformed"))?;
            Ok(PartnerLogKey { origin, key, seen: Timestamp(seen) })
        });
        Ok(keys.collect::<Result<_, StorageFault>>()?)
    }
}

fn partner((administration, name, root, fingerprint, endpoints, added): PartnerRow) -> Result<Partner, StorageFault> {
    Ok(Partner {
        administration: country(&administration)?,
        name,
        root,
        fingerprint: digest(&fingerprint)?,
        endpoints: serde_json::from_str(&endpoints).map_err(|_| StorageFault::corrupt("a partner's endpoints are malformed"))?,
        added: Timestamp(added),
    })
}

fn unless_partner(error: sqlx::Error, partner: Country) -> AppendError {
    if error.as_database_error().is_some_and(|error| error.is_foreign_key_violation()) {
        return AppendError::NotHeld { what: format!("partner {partner}") };
    }
    error.into()
}
