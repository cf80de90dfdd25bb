//! A long link on this machine: two hosts, each a network namespace, and between them a router with a relay that delays and loses
//! packets (`relay.rs`). The devices have an MTU of 1500, and what a host hands over as one batch of segments reaches the relay as
//! single datagrams, so that each is lost on its own.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use super::nodes::{Running, command};

/// The link; taken away when this value goes.
pub struct Link {
    pub near: String,
    pub far: String,
    router: String,
}

/// Address of the near host.
pub const NEAR: &str = "10.77.1.1";
/// Address of the router, as the far host sees it.
pub const ROUTER: &str = "10.77.2.2";

impl Link {
    /// Makes the link.
    ///
    /// # Errors
    /// What this machine does not allow.
    pub fn new() -> Result<Self, String> {
        let id = std::process::id();
        let name = |part: &str| format!("carnet-{part}-{id}");
        let link = Self { near: name("near"), far: name("far"), router: name("router") };
        link.build()?;
        Ok(link)
    }

    fn build(&self) -> Result<(), String> {
        let Self { near, far, router } = self;
        for name in [near, far, router] {
            ip(&["netns", "add", name])?;
            ip(&["-n", name, "link", "set", "lo", "up"])?;
        }
        for (host, outer, subnet) in [(near, "near0", "10.77.1"), (far, "far0", "10.77.2")] {
            ip(&["-n", host, "link", "add", "eth0", "mtu", "1500", "type", "veth", "peer", "name", outer, "netns", router])?;
            ip(&["-n", host, "addr", "add", &format!("{subnet}.1/24"), "dev", "eth0"])?;
            ip(&["-n", router, "addr", "add", &format!("{subnet}.2/24"), "dev", outer])?;
            ip(&["-n", host, "link", "set", "eth0", "up"])?;
            ip(&["-n", router, "link", "set", outer, "mtu", "1500", "up"])?;
        }
        Ok(())
    }

    /// Starts a relay from `listen` at the far side to `server` at the near side; gives it and its address.
    pub fn relay(&self, listen: &str, server: &str, path: [u64; 3]) -> (Running, String) {
        let mut relay = command(Some(&self.router), &std::env::current_exe().unwrap());
        relay.args(["relay", listen, server]).args(path.map(|number| number.to_string())).stdout(Stdio::piped());
        let mut running = Running(relay.spawn().unwrap());
        let mut line = String::new();
        BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        (running, line.trim().to_owned())
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        for name in [&self.near, &self.far, &self.router] {
            // Some may never have been made.
            let _ = Command::new("ip").args(["netns", "del", name]).stderr(Stdio::null()).status();
        }
    }
}

fn ip(words: &[&str]) -> Result<(), String> {
    let output = Command::new("ip").args(words).output().map_err(|error| format!("ip: {error}; apt-get install iproute2"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(format!("ip {}: {}", words.join(" "), said.trim())) }
}
