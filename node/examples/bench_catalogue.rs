//! Measures the catalogue: listings of the 50 newest at 10,000 and at 1,000,000 records, and what a record costs in syncs to disk.
//!
//! `bench_catalogue [listing] [LARGE]` prints one line of JSON; LARGE is the size of the large catalogue, 1,000,000 by itself.
//! `bench_catalogue append FOLDER` appends 2,000 records from as many tasks: what is run under strace to count the syncs.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement: a failure ends it, its result is its output")]

#[path = "../tests/support/maker.rs"]
mod maker;

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use carnet::store::catalogue::{Catalogue, Filter};
use carnet_protocol::digest::Digest;
use carnet_protocol::identifier::Country;
use carnet_protocol::merkle::{Frontier, leaf_hash};
use carnet_protocol::record::Kind;
use maker::{Maker, country, own_batch};
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, QueryBuilder, Sqlite, SqliteConnection};

/// Records appended for the count of syncs, each by a task of its own.
const APPENDS: usize = 2_000;
const SMALL: u64 = 10_000;
const LARGE: u64 = 1_000_000;
/// Bytes of a filled record: those of a signed record with a chain of two certificates.
const SIGNED: u64 = 1_600;

#[tokio::main(flavor = "multi_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [verb, folder] = arguments.as_slice()
        && verb == "append"
    {
        return println!("{}", append(Path::new(folder)).await);
    }
    let large = arguments.get(1).and_then(|size| size.parse().ok()).unwrap_or(LARGE);
    let small = measure(SMALL).await;
    let big = measure(large).await;
    let (syncs, appended) = traced();
    let value = big["newest_ms"].clone();
    let details = json!({ "small": small, "large": big, "fsyncs_a_record": syncs, "append": appended });
    println!("{}", json!({ "figure": "listing", "value": value, "baseline": { "ms_at_10000": small["newest_ms"] }, "details": details }));
}

/// Median milliseconds of 51 runs of one question.
async fn median(mut ask: impl AsyncFnMut()) -> f64 {
    let mut times = Vec::new();
    for _ in 0..51 {
        let start = Instant::now();
        ask().await;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    (times[25] * 1000.0).round() / 1000.0
}

async fn measure(records: u64) -> Value {
    let nl = Maker::new("NL");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("carnet.db");
    // The schema comes from the catalogue itself; then it is filled behind its back, which a million signatures would not allow.
    Catalogue::open(&path, nl.options()).await.unwrap().close().await;
    fill(&path, records, &nl).await;
    let start = Instant::now();
    let catalogue = Catalogue::open(&path, nl.options()).await.unwrap();
    let open = start.elapsed().as_secs_f64() * 1e3;
    let filter = |kind: Option<Kind>, maker: Option<Country>, inspection: Option<&str>| Filter {
        kind,
        administration: maker,
        inspection: inspection.map(str::to_owned),
        before: None,
        limit: 50,
    };
    let cases = [
        ("newest_ms", filter(None, None, None)),
        ("kind_ms", filter(Some(Kind::Image), None, None)),
        ("maker_ms", filter(None, Some(country("BE")), None)),
        ("kind_and_maker_ms", filter(Some(Kind::Spectrum), Some(country("BE")), None)),
        ("inspection_ms", filter(None, None, Some("NL-2026-1000"))),
        ("inspection_and_kind_ms", filter(Some(Kind::Image), None, Some("NL-2026-1000"))),
    ];
    let mut found = json!({ "records": records, "open_ms": open, "bytes": catalogue.status().await.unwrap().bytes });
    for (name, filter) in cases {
        let rows = catalogue.list(&filter).await.unwrap().len();
        assert!(rows == 50 || name.starts_with("inspection") && rows > 0, "{name} found {rows}");
        found[name] = median(async || assert_eq!(catalogue.list(&filter).await.unwrap().len(), rows)).await.into();
    }
    let middle = Filter { before: Some(records / 2), limit: 50, ..Filter::default() };
    found["middle_page_ms"] = median(async || assert_eq!(catalogue.list(&middle).await.unwrap().len(), 50)).await.into();
    found["status_ms"] = median(async || drop(catalogue.status().await.unwrap())).await.into();
    let middle = catalogue.log_entries(records / 2, 1).await.unwrap()[0].1;
    found["proof_ms"] = median(async || drop(catalogue.proof_of(middle).await.unwrap())).await.into();
    let prefix = &middle.to_string()[..16];
    found["prefix_ms"] = median(async || assert_eq!(catalogue.by_prefix(prefix).await.unwrap(), middle)).await.into();
    let notes: Vec<_> = (0..51).map(|_| nl.note("n")).collect();
    let mut notes = notes.into_iter();
    found["append_ms"] = median(async || drop(catalogue.append(own_batch([notes.next().unwrap()])).await.unwrap())).await.into();
    catalogue.close().await;
    found
}

/// Fills the tables that grow: records of random ids, and the log over them.
async fn fill(path: &Path, records: u64, nl: &Maker) {
    let options = SqliteConnectOptions::new().filename(path).pragma("synchronous", "OFF").pragma("cache_size", "-400000");
    let mut conn = options.disable_statement_logging().connect().await.unwrap();
    let mut transaction = conn.begin().await.unwrap();
    sqlx::query(
        "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $1)
         INSERT INTO records (id, kind, inspection, administration, made, received, own, log_index, container, goods, entry, signed)
         SELECT randomblob(32), CASE i % 10 WHEN 0 THEN 'spectrum' WHEN 1 THEN 'declaration' WHEN 2 THEN 'outcome' ELSE 'image' END,
                'NL-2026-' || (i / 8), CASE i % 7 WHEN 0 THEN 'BE' ELSE 'NL' END, 1800000000 + i, 1800000000 + i, 1, i,
                'MSKU1234565', '0803 bananas', randomblob(32), randomblob($2) FROM n",
    )
    .bind(records as i64)
    .bind(SIGNED as i64)
    .execute(&mut *transaction)
    .await
    .unwrap();
    sqlx::query("INSERT INTO counts (name, n) VALUES ('own', $1)").bind(records as i64).execute(&mut *transaction).await.unwrap();
    let frontier = fill_log(&mut transaction, records).await;
    let checkpoint = carnet_protocol::log::Checkpoint { origin: nl.origin.clone(), size: records, root: frontier.root() };
    let note = checkpoint.sign(nl.log_key().raw(), |_| vec![0; 64]);
    sqlx::query("INSERT INTO checkpoints (size, note) VALUES ($1, $2)")
        .bind(records as i64)
        .bind(note)
        .execute(&mut *transaction)
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
}

async fn fill_log(conn: &mut SqliteConnection, records: u64) -> Frontier {
    let mut frontier = Frontier::default();
    let mut nodes = Vec::new();
    while frontier.size() < records {
        let entries: Vec<Vec<u8>> = sqlx::query_scalar("SELECT entry FROM records WHERE log_index >= $1 ORDER BY log_index LIMIT 5000")
            .bind(frontier.size() as i64)
            .fetch_all(&mut *conn)
            .await
            .unwrap();
        for entry in entries {
            frontier.push(leaf_hash(&entry), |level, index, hash: Digest| nodes.push((level, index, hash)));
        }
        for rows in nodes.chunks(10_000) {
            let mut insert = QueryBuilder::<Sqlite>::new("INSERT INTO log_nodes (level, idx, hash) ");
            insert.push_values(rows, |mut row, (level, index, hash)| {
                row.push_bind(i64::from(*level)).push_bind(*index as i64).push_bind(hash.as_bytes());
            });
            insert.build().persistent(false).execute(&mut *conn).await.unwrap();
        }
        nodes.clear();
    }
    frontier
}

async fn append(folder: &Path) -> Value {
    let nl = Maker::new("NL");
    let catalogue = Catalogue::open(&folder.join("carnet.db"), nl.options()).await.unwrap();
    let batches: Vec<_> = (0..APPENDS).map(|_| own_batch([nl.note("small")])).collect();
    let start = Instant::now();
    let tasks: Vec<_> = batches
        .into_iter()
        .map(|batch| {
            let catalogue = catalogue.clone();
            tokio::spawn(async move { catalogue.append(batch).await.unwrap() })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let seconds = start.elapsed().as_secs_f64();
    catalogue.close().await;
    json!({ "records": APPENDS, "records_a_second": (APPENDS as f64 / seconds).round() })
}

/// Runs the appends once as they are and once under strace; gives syncs a record, the opening of the new file included.
fn traced() -> (Value, Value) {
    let program = std::env::current_exe().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let plain = Command::new(&program).arg("append").arg(folder.path()).output().unwrap();
    let plain = serde_json::from_slice(&plain.stdout).unwrap_or(Value::Null);
    let folder = tempfile::tempdir().unwrap();
    let traced = Command::new("strace")
        .args(["-f", "-c", "-e", "trace=fsync,fdatasync,sync_file_range"])
        .arg(&program)
        .arg("append")
        .arg(folder.path())
        .output();
    let Ok(traced) = traced else { return (Value::Null, plain) };
    // Columns: time, seconds, microseconds a call, calls, [errors], name.
    let calls = String::from_utf8_lossy(&traced.stderr)
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|words| words.len() >= 5 && words.last().is_some_and(|name| name.contains("sync")))
        .filter_map(|words| words[3].parse::<u64>().ok())
        .sum::<u64>();
    if calls == 0 { (Value::Null, plain) } else { (json!(calls as f64 / APPENDS as f64), plain) }
}
