//! A process appends, says what was acknowledged, and is killed at some moment. Nothing it said may be missing afterwards.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use carnet::store::catalogue::{Batch, Catalogue};
use carnet_protocol::digest::Digest;

use crate::check_log;
use crate::maker::{Maker, NOW, country, own, partner};

const FOLDER: &str = "CARNET_CRASH_FOLDER";
const ROUNDS: u64 = 12;

/// The child: runs only where the parent below sets the folder.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crash_child() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let (nl, be) = (Maker::new("NL"), Maker::new("BE"));
    let catalogue = Catalogue::open(&Path::new(&folder).join("carnet.db"), nl.options()).await.unwrap();
    let (nl, be) = (std::sync::Arc::new(nl), std::sync::Arc::new(be));
    let writers = (0..8).map(|_| {
        let (catalogue, nl, be) = (catalogue.clone(), nl.clone(), be.clone());
        tokio::spawn(async move {
            for seq in 1.. {
                let mut first = own(nl.note("n"));
                first.feed = vec![country("BE"), country("DE")];
                let batch = Batch {
                    own: vec![first, own(nl.declaration(Digest::of(b"p")))],
                    partner: vec![partner(be.note("n"))],
                    cursor: Some((country("BE"), seq)),
                    ..Batch::at(NOW)
                };
                let appended = catalogue.append(batch).await.unwrap();
                let mut line = String::new();
                for record in appended {
                    line += &format!("ack {} {}\n", record.id, record.log_index.map_or("-".to_owned(), |index| index.to_string()));
                }
                std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged: Vec<(Digest, Option<u64>)> = Vec::new();
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::crash_child", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let reader = std::thread::spawn(move || {
            let mut lines = Vec::new();
            let mut line = String::new();
            while output.read_line(&mut line).unwrap_or(0) > 0 {
                // A line that was cut off by the end was never said.
                if line.ends_with('\n') && line.starts_with("ack ") {
                    lines.push(line.trim_end().to_owned());
                }
                line.clear();
            }
            lines
        });
        // Some die while the schema is made, most in the middle of their commits.
        std::thread::sleep(Duration::from_millis(40 + round * 67 % 400));
        child.kill().unwrap();
        child.wait().unwrap();
        for line in reader.join().unwrap() {
            let mut words = line.split(' ').skip(1);
            acknowledged.push((words.next().unwrap().parse().unwrap(), words.next().unwrap().parse().ok()));
        }

        let nl = Maker::new("NL");
        let catalogue = Catalogue::open(&folder.path().join("carnet.db"), nl.options()).await.unwrap();
        for (id, index) in &acknowledged {
            let head = catalogue.head(*id).await.unwrap().unwrap_or_else(|| panic!("{id} was acknowledged and is gone"));
            assert_eq!(head.log_index, *index);
        }
        let size = check_log(&catalogue).await;
        let status = catalogue.status().await.unwrap();
        // Whole batches: two own records to one of the partner's, and one entry in each feed.
        assert_eq!((status.own, status.partner * 2), (size, size));
        for code in ["BE", "DE"] {
            let mut after = 0;
            loop {
                let page = catalogue.feed_after(country(code), after, 1000).await.unwrap();
                assert_eq!(page.head * 2, size);
                for item in &page.items {
                    after += 1;
                    assert_eq!(item.seq, after);
                }
                if page.items.is_empty() {
                    break;
                }
            }
            assert_eq!(after * 2, size);
        }
        catalogue.close().await;
    }
    assert!(acknowledged.len() > 100, "only {} acknowledgements: the test did not test", acknowledged.len());
}
