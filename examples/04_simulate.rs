//! A made-up container scan: simulated, coded without loss, decoded, and written as two PNG pictures to look at.
//!
//! `cargo run -p carnet-examples --bin 04_simulate -- FOLDER` keeps the pictures. The same seed gives the same scan.

#![allow(clippy::print_stdout, reason = "an example's output")]

use std::path::PathBuf;

use carnet::ingest::synthetic;
use carnet_analysis::simulate::cargo::{Scanner, scan};
use carnet_analysis::simulate::material::Material;
use carnet_analysis::simulate::scene::Scene;
use carnet_protocol::image::coding::{self, PlaneReader};

fn main() -> anyhow::Result<()> {
    let temporary = tempfile::tempdir()?;
    let folder = std::env::args_os().nth(1).map_or_else(|| temporary.path().to_owned(), PathBuf::from);

    // A loaded 40-foot container with a block of lead in it that no declaration would name.
    let scene = Scene::loaded(7).with_concealed(Material::Lead, 80.0, 7);
    let made = scan(&Scanner { columns: 1000, rows: 300, ..Scanner::default() }, &scene, 7)?;
    println!("{}: {} objects", made.synthetic, made.objects.len());
    for object in made.objects.iter().filter(|object| !object.declared) {
        println!("hidden: {} of {:.0} g/cm2 at rows and columns {:?}", object.material.name(), object.areal_density, object.pixels);
    }

    for (name, samples) in [("6MV", &made.low), ("9MV", &made.high)] {
        let plane = synthetic::plane(samples)?;
        // What goes into a record's payload. The digest names the samples, whatever the coding.
        let payload = coding::encode(&plane)?;
        let back = PlaneReader::open(&payload)?.decode()?;
        anyhow::ensure!(back.samples() == plane.samples(), "the coding is lossless");
        anyhow::ensure!(back.sample_digest() == plane.sample_digest(), "and so the samples keep their name");
        let raw = plane.samples().len() * 2;
        println!(
            "{name}: {raw} bytes of samples in {} ({:.2} : 1), samples {}",
            payload.len(),
            raw as f64 / payload.len() as f64,
            plane.sample_digest()
        );

        let picture = image::ImageBuffer::<image::Luma<u16>, _>::from_raw(plane.width(), plane.height(), plane.into_samples());
        let path = folder.join(format!("{name}.png"));
        picture.ok_or_else(|| anyhow::anyhow!("a plane has as many samples as its sides say"))?.save(&path)?;
        println!("{name}: {}", path.display());
    }
    Ok(())
}
