//! Small federations with random sharing: nothing leaves without its handling's permission, and what may be had arrives.

use std::collections::{BTreeMap, BTreeSet};

use carnet_tests::federation::{Administration, Federation};
use carnet_tests::{Chance, fixtures, wait_until};

/// What the test knows of a record.
#[derive(Debug, Default)]
struct Known {
    maker: usize,
    /// Who may hold it, now or ever: what was held before a withdrawal stays known there.
    may: BTreeSet<usize>,
    /// To whom its native file was released by name.
    native: BTreeSet<usize>,
    /// Whether its native file goes wherever the record goes, as its import said.
    follows: bool,
    /// From whom it was taken back; whether they got it before is a matter of time.
    withdrawn: BTreeSet<usize>,
}

const COUNTRIES: [&str; 4] = ["NL", "DE", "BE", "FR"];

#[test]
fn nothing_leaves_without_its_handlings_permission() {
    let mut chance = Chance::from_environment("nothing_leaves_without_its_handlings_permission");
    let mut federation = Federation::new(&COUNTRIES);
    for one in &mut federation.all {
        one.environment.push(("CARNET_EXCHANGE_FETCH".into(), "all".into()));
    }
    let all = &federation.all;
    all.iter().for_each(Administration::serve);
    let mut known: BTreeMap<String, Known> = BTreeMap::new();
    for step in 0..50 {
        let maker = chance.below(4) as usize;
        let node = &all[maker];
        let others: BTreeSet<usize> = (0..4).filter(|other| *other != maker && chance.percent(35)).collect();
        let codes: Vec<&str> = others.iter().map(|other| COUNTRIES[*other]).collect();
        let codes = codes.join(",");
        let own: Vec<String> = known.iter().filter(|(_, one)| one.maker == maker).map(|(id, _)| id.clone()).collect();
        let any = (!own.is_empty()).then(|| own[chance.below(own.len() as u64) as usize].clone());
        match (chance.below(10), any) {
            (0..5, _) | (_, None) => {
                let file = match chance.below(2) {
                    0 => federation.file(&format!("{step}.n42"), &fixtures::n42(step)),
                    _ => federation.file(&format!("{step}.png"), &fixtures::png(30, 20, step)),
                };
                let mut more = Vec::new();
                if !others.is_empty() {
                    more.extend(["--releasable-to", &codes]);
                }
                let native = chance.percent(30);
                if native {
                    more.push("--share-native");
                }
                let record = node.import(&file, &more);
                known.insert(record, Known { maker, may: others, follows: native, ..Known::default() });
            }
            (5..8, Some(record)) if !others.is_empty() => {
                let native = chance.percent(30);
                let mut words = vec!["share", &record, "--to", &codes];
                if native {
                    words.push("--with-native");
                }
                node.ok(&words);
                let entry = known.get_mut(&record).unwrap();
                // Shared again after it was taken back: it may be had again.
                others.iter().for_each(|other| {
                    entry.withdrawn.remove(other);
                });
                entry.may.extend(&others);
                if native {
                    entry.native.extend(&others);
                }
            }
            (8.., Some(record)) => {
                let entry = known.get_mut(&record).unwrap();
                let Some(from) = entry.may.iter().next().copied() else { continue };
                node.ok(&["withdraw", &record, "--from", COUNTRIES[from]]);
                entry.withdrawn.insert(from);
            }
            _ => {}
        }
        // Now and then a node is gone for a while, in an orderly way or not.
        if step % 17 == 16 {
            let victim = &all[chance.below(4) as usize];
            victim.kill();
            victim.serve();
        }
    }
    // Everything that may be had arrives...
    for (record, entry) in &known {
        for holder in entry.may.difference(&entry.withdrawn) {
            let node = &all[*holder];
            let what = format!("{} has {record} of {}: {entry:?}\n{}", node.country, COUNTRIES[entry.maker], node.log());
            wait_until(&what, 40, || node.has(record).then_some(()));
        }
    }
    // ...and nothing else does.
    let mut held = 0;
    for (index, node) in all.iter().enumerate() {
        for record in node.records() {
            let entry = known.get(&record).unwrap_or_else(|| panic!("{} holds {record}, which nobody made", node.country));
            if entry.maker == index {
                continue;
            }
            held += 1;
            assert!(entry.may.contains(&index), "{} holds {record} without permission: {entry:?}", node.country);
            for payload in node.show(&record)["payloads"].as_array().unwrap() {
                if payload["role"] == "native" && payload["here"] == true {
                    assert!(
                        entry.follows || entry.native.contains(&index),
                        "{} holds the native file of {record}: {entry:?}",
                        node.country
                    );
                }
            }
        }
        node.verify();
    }
    eprintln!("{} records, {held} copies at partners, all by permission", known.len());
}
