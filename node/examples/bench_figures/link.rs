//! A link of three network namespaces on this machine: two hosts, and between them a router that delays and loses packets.
//!
//! The losing is done in the router, where every datagram is a packet of its own: on the sender's own device a batch of segments
//! counts as one packet, and would be lost as one.

use std::process::Command;

/// The link; taken away when this value goes.
pub struct Link {
    pub near: String,
    pub far: String,
    router: String,
}

/// Address of the near host.
pub const NEAR: &str = "10.77.1.1";

impl Link {
    /// Makes the link: `delay_ms` each way, `loss` per cent each way, `rate` in tc's spelling.
    ///
    /// # Errors
    /// What this machine does not allow.
    pub fn new(delay_ms: u32, loss: f64, rate: &str) -> Result<Self, String> {
        let id = std::process::id();
        let name = |part: &str| format!("carnet-{part}-{id}");
        let link = Self { near: name("near"), far: name("far"), router: name("router") };
        link.build(delay_ms, loss, rate)?;
        Ok(link)
    }

    fn build(&self, delay_ms: u32, loss: f64, rate: &str) -> Result<(), String> {
        let Self { near, far, router } = self;
        for name in [near, far, router] {
            ip(&["netns", "add", name])?;
            ip(&["-n", name, "link", "set", "lo", "up"])?;
        }
        for (host, subnet) in [(near, "10.77.1"), (far, "10.77.2")] {
            let (inner, outer) = ("eth0", if host == near { "near0" } else { "far0" });
            ip(&["-n", host, "link", "add", inner, "mtu", "1500", "type", "veth", "peer", "name", outer, "netns", router])?;
            // A datagram leaves the host as one packet, whatever was handed over at once.
            ip(&["-n", host, "link", "set", inner, "gso_max_segs", "1"])?;
            ip(&["-n", host, "addr", "add", &format!("{subnet}.1/24"), "dev", inner])?;
            ip(&["-n", router, "addr", "add", &format!("{subnet}.2/24"), "dev", outer])?;
            ip(&["-n", host, "link", "set", inner, "up"])?;
            ip(&["-n", router, "link", "set", outer, "mtu", "1500", "up"])?;
            ip(&["-n", host, "route", "add", "default", "via", &format!("{subnet}.2")])?;
            // Room for all that is on its way at 1 Gbit/s, and for as much again.
            let (delay, loss) = (format!("{delay_ms}ms"), format!("{loss}%"));
            let netem = ["qdisc", "add", "dev", outer, "root", "netem", "delay", &delay, "loss", &loss, "rate", rate, "limit", "40000"];
            run("tc", &[&["-n", router.as_str()][..], &netem].concat())?;
        }
        run("ip", &["netns", "exec", router, "sysctl", "-qw", "net.ipv4.ip_forward=1"])
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        for name in [&self.near, &self.far, &self.router] {
            // Some may never have been made.
            let _ = Command::new("ip").args(["netns", "del", name]).stderr(std::process::Stdio::null()).status();
        }
    }
}

fn ip(words: &[&str]) -> Result<(), String> {
    run("ip", words)
}

fn run(program: &str, words: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(words).output().map_err(|error| format!("{program}: {error}; apt-get install iproute2"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(format!("{program} {}: {}", words.join(" "), said.trim())) }
}
