//! The second anchor: Orthanc, the open DICOM archive, storing 32 images of 32 MiB to a peer.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::anchors::{free_port, timed};
use super::{dicom, rsync};
use crate::run::{self, Daemon};

const IMAGES: u64 = 32;

/// An Orthanc that holds the images and knows one peer.
pub struct Sender {
    folder: PathBuf,
    port: u16,
    peer_port: u16,
    images: Vec<String>,
    _daemon: Daemon,
}

impl Sender {
    /// Starts it in `folder` and fills it.
    pub fn start(folder: &Path) -> Result<Self> {
        let (port, peer_port) = (free_port()?, free_port()?);
        let daemon = start(&folder.join("sender"), port, Some(peer_port))?;
        let mut images = Vec::new();
        for number in 0..IMAGES {
            let answer = request(port, "POST", "/instances", &dicom::file(number))?;
            images.push(answer["ID"].as_str().context("Orthanc gave the image no ID")?.to_owned());
        }
        Ok(Self { folder: folder.to_owned(), port, peer_port, images, _daemon: daemon })
    }

    /// Seconds to store every image to a fresh, empty peer.
    pub fn store(&self, round: usize) -> Result<f64> {
        let folder = self.folder.join(format!("peer-{round}"));
        let peer = start(&folder, self.peer_port, None)?;
        let body = json!({ "Resources": self.images, "Synchronous": true }).to_string();
        let seconds = timed(|| request(self.port, "POST", "/peers/peer/store", body.as_bytes()).map(drop))?;
        let held = request(self.peer_port, "GET", "/statistics", b"")?["CountInstances"].as_u64();
        if held != Some(IMAGES) {
            bail!("the peer holds {held:?} of {IMAGES} images");
        }
        drop(peer);
        std::fs::remove_dir_all(folder)?;
        Ok(seconds)
    }
}

/// Starts an Orthanc in `folder`, alone on the loopback, with nothing but its defaults for speed and durability.
fn start(folder: &Path, port: u16, peer: Option<u16>) -> Result<Daemon> {
    std::fs::create_dir_all(folder)?;
    let peers = peer.map_or(json!({}), |peer| json!({ "peer": [format!("http://127.0.0.1:{peer}/")] }));
    let config = json!({
        "Name": "anchor",
        "StorageDirectory": folder.join("storage"),
        "IndexDirectory": folder.join("storage"),
        "HttpPort": port,
        "RemoteAccessAllowed": false,
        "AuthenticationEnabled": false,
        "DicomServerEnabled": false,
        "Plugins": [],
        "OrthancPeers": peers,
    });
    let file = folder.join("orthanc.json");
    std::fs::write(&file, config.to_string())?;
    let program = run::find("Orthanc").context("no Orthanc: apt-get install orthanc")?;
    let mut command = run::command(program);
    command.arg(file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let daemon = Daemon(command.spawn().context("Orthanc")?);
    rsync::wait_for(port, "Orthanc")?;
    Ok(daemon)
}

/// One request of HTTP/1.0, so that the answer ends with the connection; the answer's body read as JSON.
fn request(port: u16, method: &str, path: &str, body: &[u8]) -> Result<Value> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(300)))?;
    let head = format!("{method} {path} HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    // An answer about an image is some hundred bytes; a megabyte is something else than Orthanc.
    stream.take(1 << 20).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").context("not an HTTP answer")?;
    let status = head.split(' ').nth(1).unwrap_or_default();
    if status != "200" {
        bail!("Orthanc answered {method} {path} with {status}: {}", body.chars().take(300).collect::<String>());
    }
    serde_json::from_str(body).with_context(|| format!("Orthanc's answer to {path} is not JSON"))
}
