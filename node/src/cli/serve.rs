//! `carnet serve`: the node, running.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::{Done, open};
use crate::home::Home;
use crate::http;
use crate::peer::Federation;
use crate::peer::transport::Carrier;

/// How long what is under way may take to end after a signal.
const GRACE: Duration = Duration::from_secs(10);

/// Runs the node until SIGTERM or Ctrl-C.
#[derive(Debug, clap::Args)]
pub struct Serve {
    /// Stop when standard input ends too: a program that starts nodes and dies leaves none behind.
    #[arg(long, hide = true)]
    until_stdin_ends: bool,
}

impl Serve {
    pub(super) async fn run(self, home: &Home) -> anyhow::Result<Done> {
        // Metrics are counted from the first moment; the endpoint that shows them comes later.
        let metrics = http::recorder()?;
        let node = open(home).await?;
        warn_of_authority_keys(home);
        let swept = node.sweep_imports().await? + node.sweep_staging().await?;
        if swept > 0 {
            tracing::info!(files = swept, "partial payloads that nobody waits for were removed");
        }
        let config = node.config();
        let carrier = Carrier::listen(node.identity(), node.trust(), config.quic)?;
        let (stop, stopping) = watch::channel(false);
        let server = http::serve(&node, metrics, config.http, stopping.clone()).await?;
        tracing::info!(
            administration = %node.identity().administration,
            node = node.identity().node,
            quic = %carrier.endpoint().local_addr()?,
            http = %server.address,
            "serving"
        );
        let changes = tokio::spawn({
            let (node, stopping) = (node.clone(), stopping.clone());
            async move { node.watch_changes(stopping).await }
        });
        let federation = tokio::spawn(Federation::run(node.clone(), carrier, stopping));
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = stdin_ended(self.until_stdin_ends) => {}
        }
        tracing::info!("stopping; what is under way ends first");
        stop.send_replace(true);
        let ended = async {
            federation.await.ok();
            changes.await.ok();
            server.task.await.ok();
            node.catalogue().close().await;
        };
        if tokio::time::timeout(GRACE, ended).await.is_err() {
            tracing::warn!("not everything ended in time; what was acknowledged is durable");
        }
        Ok(Done::Well)
    }
}

/// Ends when standard input does, if that is wanted; otherwise never.
async fn stdin_ended(wanted: bool) {
    if !wanted {
        return std::future::pending().await;
    }
    let (told, ended) = tokio::sync::oneshot::channel();
    // A thread of its own: a read of standard input cannot be called off, and this one must not hold up the end of the process.
    std::thread::spawn(move || {
        std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).ok();
        told.send(()).ok();
    });
    ended.await.ok();
}

/// A serving node needs no CA key and opens none; one that lies beside it is a risk that the operator should know of.
fn warn_of_authority_keys(home: &Home) {
    if home.path().join("dev-pki").exists() {
        tracing::warn!(
            folder = %home.path().join("dev-pki").display(),
            "the keys of a certificate authority lie in this node's folder: whoever breaks into the node can speak for the administration. \
             Move the folder to a machine without a network"
        );
    }
}
