//! Simulates one scan and prints how long it took, and writes both planes and the truth as PGM pictures:
//! `cargo run --release -p carnet-analysis --example simulate -- FOLDER`.

use std::io::Write;
use std::time::Instant;

use carnet_analysis::simulate::cargo::{Scanner, scan};
use carnet_analysis::simulate::material::Material;
use carnet_analysis::simulate::scene::Scene;

#[allow(clippy::print_stdout, reason = "an example's output")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let start = Instant::now();
    let scene = Scene::loaded(7).with_concealed(Material::Lead, 80.0, 7);
    let got = scan(&Scanner { wobble: 0.02, ..Scanner::default() }, &scene, 7)?;
    println!("{} in {:.2} s, {} objects", got.synthetic, start.elapsed().as_secs_f64(), got.objects.len());
    let Some(folder) = std::env::args_os().nth(1) else {
        return Ok(());
    };
    for (name, plane) in [("low", &got.low), ("high", &got.high), ("truth", &got.truth.mapv(|c| u16::from(c) * 8000))] {
        let mut file = std::fs::File::create(std::path::Path::new(&folder).join(format!("{name}.pgm")))?;
        writeln!(file, "P5 {} {} 65535", plane.ncols(), plane.nrows())?;
        file.write_all(&plane.iter().flat_map(|v| v.to_be_bytes()).collect::<Vec<u8>>())?;
    }
    Ok(())
}
