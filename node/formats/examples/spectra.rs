//! Prints one line of JSON a file and measurement, for comparison with other readers.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "an example for the terminal")]

fn main() {
    for path in std::env::args().skip(1) {
        match carnet_formats::radiation::decode(&std::fs::read(&path).unwrap(), Some(&path)) {
            Err(error) => println!("{}", serde_json::json!({"file": path, "error": error.to_string()})),
            Ok(view) => {
                for m in &view.measurements {
                    let edges = m.calibration.and_then(|c| view.calibrations[c as usize].edges(m.gamma.as_ref().map_or(0, |r| r.len())));
                    println!(
                        "{}",
                        serde_json::json!({"file": path, "sample": m.sample, "class": m.class.as_str(), "det": m.detector.map(|d| &view.detectors[d as usize].name),
                        "live": m.live_time.map(|t| t.value()), "real": m.real_time.map(|t| t.value()), "n": m.gamma.as_ref().map_or(0, |r| r.len()),
                        "sum": m.gamma.as_ref().map(|r| r.total()), "neutrons": m.neutrons.map(|t| t.value()), "start": m.start, "title": m.title, "speed": m.speed.map(|s| s.value()), "occ": m.occupied,
                        "e0": edges.as_ref().and_then(|e| e.first().copied()), "e1": edges.as_ref().and_then(|e| e.last().copied()), "derived": m.derived})
                    );
                }
            }
        }
    }
}
