//! `carnet list` and `carnet show`.

use carnet_protocol::identifier::Country;
use carnet_protocol::record::{Content, Handling, Record};
use serde_json::{Value, json};

use super::{Done, open, print, resolve, short};
use crate::home::Home;
use crate::store::catalogue::{Filter, PayloadPlace, RecordRow};

/// Lists records, newest first.
#[derive(Debug, clap::Args)]
pub struct List {
    /// Only of this kind: image, spectrum, signal, declaration, intelligence, annotation, outcome, release, withdrawal, receipt.
    #[arg(long)]
    kind: Option<String>,
    /// Only of this inspection.
    #[arg(long, value_name = "ID")]
    inspection: Option<String>,
    /// Only made by this administration.
    #[arg(long, value_name = "CC")]
    from: Option<Country>,
    /// At most so many; 1000 is the most.
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// Only older than this sequence: the last one of the page before.
    #[arg(long, value_name = "SEQ")]
    before: Option<u64>,
    /// Receipts and releases too.
    #[arg(long)]
    all: bool,
}

/// Shows one record.
#[derive(Debug, clap::Args)]
pub struct Show {
    /// Its id, or the beginning of it.
    record: String,
    /// Personal data too, where it is here. Whoever looks has a reason.
    #[arg(long)]
    personal: bool,
}

impl List {
    pub(super) async fn run(self, home: &Home, json: bool) -> anyhow::Result<Done> {
        let node = open(home).await?;
        let kind = self.kind.map(|kind| kind.parse().map_err(|error| anyhow::anyhow!("{kind}: {error}"))).transpose()?;
        let plain = self.all || kind.is_some();
        let filter =
            Filter { kind, inspection: self.inspection, administration: self.from, before: self.before, limit: self.limit.clamp(1, 1000) };
        for row in node.catalogue().list(&filter).await? {
            if !plain && matches!(row.kind.as_str(), "receipt" | "release" | "withdrawal") {
                continue;
            }
            print(json, &value(&row), || line(&row));
        }
        Ok(Done::Well)
    }
}

fn value(row: &RecordRow) -> Value {
    json!({
        "record": row.id.to_string(),
        "seq": row.seq,
        "kind": row.kind.as_str(),
        "inspection": row.inspection,
        "administration": row.administration.as_str(),
        "made": row.made.to_string(),
        "received": row.received.to_string(),
        "own": row.own,
        "log_index": row.log_index,
        "withdrawn": row.withdrawn,
        "container": row.container,
        "goods": row.goods,
    })
}

fn line(row: &RecordRow) -> String {
    let withdrawn = if row.withdrawn { "  WITHDRAWN" } else { "" };
    let what = [row.container.as_deref(), row.goods.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" ");
    format!(
        "{:>7}  {}  {}  {:<12} {}  {}  {what}{withdrawn}",
        row.seq,
        short(row.id),
        row.administration,
        row.kind.as_str(),
        row.made,
        row.inspection
    )
}

impl Show {
    pub(super) async fn run(self, home: &Home, json: bool) -> anyhow::Result<Done> {
        let node = open(home).await?;
        let id = resolve(&node, &self.record).await?;
        let stored = node.catalogue().record(id).await?;
        let verified = match node.verify_stored(&stored) {
            Ok(verified) => verified,
            Err(error) => {
                print(json, &json!({ "record": id.to_string(), "verified": false, "reason": super::explain(&error) }), || {
                    format!("{id}: NOT GOOD: {}", super::explain(&error))
                });
                return Ok(Done::Refused);
            }
        };
        let record = verified.statement();
        let mut shown = value(&stored.head);
        if let Value::Object(fields) = &mut shown {
            fields.insert("verified".into(), json!(true));
            fields.insert("entry".into(), json!(stored.entry.to_string()));
            fields.insert("maker".into(), maker(record));
            fields.insert("handling".into(), handling(&record.handling));
            fields.insert("content".into(), content(record));
            fields.insert(
                "parents".into(),
                json!(
                    record
                        .parents
                        .iter()
                        .map(|parent| json!({ "record": parent.record.to_string(), "role": parent.role.as_str() }))
                        .collect::<Vec<_>>()
                ),
            );
            fields.insert("payloads".into(), json!(stored.payloads.iter().map(|row| {
                let own = record.payloads.get(row.index as usize).and_then(|payload| payload.handling.as_ref());
                json!({ "index": row.index, "role": row.role, "media": row.media, "size": row.size, "root": row.root.to_string(),
                    "sha256": row.sha256.to_string(), "here": row.place != PayloadPlace::Absent, "stays_home": own.is_some_and(|own| own.releasable_to.is_empty()) })
            }).collect::<Vec<_>>()));
            let children = node.catalogue().children(id).await?;
            fields.insert(
                "children".into(),
                json!(
                    children.iter().map(|(child, role)| json!({ "record": child.to_string(), "role": role.as_str() })).collect::<Vec<_>>()
                ),
            );
            fields.insert("personal_fields".into(), json!(record.commitments.len()));
            if self.personal {
                let openings = node.open_openings(&stored, record)?;
                let opened: serde_json::Map<String, Value> =
                    openings.iter().map(|opening| (opening.name.clone(), json!(opening.text()))).collect();
                fields.insert("personal".into(), Value::Object(opened));
            }
        }
        if json {
            print(true, &shown, String::new);
        } else {
            print(false, &(), || serde_json::to_string_pretty(&shown).unwrap_or_default());
        }
        Ok(Done::Well)
    }
}

fn maker(record: &Record) -> Value {
    let maker = &record.maker;
    let instrument = maker.instrument.as_ref().map(|instrument| {
        json!({ "maker": instrument.maker, "model": instrument.model, "serial": instrument.serial, "software": instrument.software })
    });
    json!({ "administration": maker.administration.as_str(), "office": maker.office, "site": maker.site, "node": maker.node, "log": maker.log, "instrument": instrument })
}

pub(super) fn handling(handling: &Handling) -> Value {
    json!({
        "releasable_to": handling.releasable_to.iter().map(|country| country.as_str().to_owned()).collect::<Vec<_>>(),
        "groups": handling.groups,
        "operations": handling.operations,
        "tlp": handling.tlp.as_str(),
        "purpose": handling.purpose,
        "legal_basis": handling.legal_basis,
        "onward": handling.onward.as_str(),
        "derivatives": handling.derivatives,
        "retain_until": handling.retain_until.map(|until| until.to_string()),
        "personal_data": handling.personal_data,
    })
}

fn content(record: &Record) -> Value {
    match record.view() {
        Ok(Content::Image(image)) => json!({
            "synthetic": image.synthetic, "projected": image.projected, "source": image.source, "containers": image.containers,
            "acquired": image.acquired.map(|at| at.to_string()),
            "views": image.views.iter().map(|view| json!({
                "name": view.name, "width": view.width, "height": view.height,
                "pitch_along_mm": view.pitch_along.map(|pitch| pitch.value()), "pitch_across_mm": view.pitch_across.map(|pitch| pitch.value()),
                "channels": view.channels.iter().map(|channel| json!({
                    "energy": channel.energy, "meaning": channel.meaning, "stored_bits": channel.stored_bits,
                    "payload": channel.payload, "samples": channel.samples.to_string() })).collect::<Vec<_>>() })).collect::<Vec<_>>(),
        }),
        Ok(Content::Spectrum(spectrum)) => json!({
            "synthetic": spectrum.synthetic, "source": spectrum.source, "measurements": spectrum.measurements, "detectors": spectrum.detectors,
            "channels": spectrum.channels, "neutrons": spectrum.neutrons, "containers": spectrum.containers,
            "acquired": spectrum.acquired.map(|at| at.to_string()),
        }),
        Ok(Content::Signal(series)) => json!({
            "synthetic": series.synthetic, "source": series.source, "containers": series.containers,
            "axes": series.axes.iter().map(|axis| json!({ "name": axis.name, "unit": axis.unit, "length": axis.length })).collect::<Vec<_>>(),
        }),
        Ok(Content::Declaration(declaration)) => json!({
            "mrn": declaration.mrn, "procedure": declaration.procedure, "office": declaration.office, "containers": declaration.containers,
            "loading": declaration.loading, "delivery": declaration.delivery, "discharge": declaration.discharge,
            "transport_document": declaration.transport_document, "ucr": declaration.ucr,
            "items": declaration.items.iter().map(|item| json!({
                "number": item.number, "hs": item.hs, "description": item.description, "gross_mass_kg": item.gross_mass.map(|mass| mass.value()),
                "packages": item.packages, "un_number": item.un_number, "value": item.value.map(|value| value.value()), "currency": item.currency,
                "origin": item.origin.map(|country| country.as_str().to_owned()) })).collect::<Vec<_>>(),
        }),
        Ok(Content::Intelligence(tip)) => {
            json!({ "text": tip.text, "grading": tip.grading.as_str(), "source": tip.source, "information": tip.information, "containers": tip.containers })
        }
        Ok(Content::Annotation(annotation)) => {
            json!({ "text": annotation.text, "category": annotation.category, "regions": annotation.regions.len() })
        }
        Ok(Content::Outcome(outcome)) => json!({
            "decision": outcome.decision, "examined": outcome.examined, "reason": outcome.reason, "remarks": outcome.remarks,
            "decided": outcome.decided.map(|at| at.to_string()),
            "found": outcome.found.iter().map(|found| json!({ "category": found.category, "description": found.description,
                "mass_kg": found.mass.map(|mass| mass.value()), "pieces": found.pieces })).collect::<Vec<_>>(),
        }),
        Ok(Content::Release(release)) => {
            json!({ "record": release.record.to_string(), "to": release.to.as_str(), "payloads": release.payloads, "personal": release.personal })
        }
        Ok(Content::Withdrawal(withdrawal)) => {
            json!({ "record": withdrawal.record.to_string(), "from": withdrawal.from.map(|country| country.as_str().to_owned()), "reason": withdrawal.reason })
        }
        Ok(Content::Receipt(receipt)) => json!({ "from": receipt.from.as_str(), "received": receipt.received.iter().map(|received| json!({
            "record": received.record.to_string(), "index": received.index, "log_size": received.log_size, "payloads": received.payloads })).collect::<Vec<_>>() }),
        Ok(Content::Other) | Err(_) => json!({ "unknown_kind": record.kind.as_str(), "bytes": record.content.bytes().len() }),
    }
}
