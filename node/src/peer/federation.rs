//! All partners at once: accepts those who reach us, dials those we know endpoints of, keeps pulling what they release to us.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use carnet_protocol::identifier::Country;
use quinn::{Endpoint, Incoming};
use ring::rand::SecureRandom;
use tokio::sync::{Mutex, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::link::{Link, LinkError, PATIENCE};
use super::transport::{Carrier, MAX_AGE, MAX_CONNECTIONS};
use super::{answer, feed, fetch};
use crate::node::Node;

/// Connections that one partner may have with us: its nodes, their command lines, and some that are dying.
const MAX_LINKS_A_PARTNER: usize = 16;
/// First wait after a failed attempt; it doubles up to `exchange.retry_seconds`.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// What is said of an address from which nothing comes.
const NO_ANSWER: &str = "nothing answers there. Is its node running, and its UDP port open on the way?";

/// The running exchange with all partners.
pub struct Federation {
    node: Node,
    carrier: Carrier,
    links: Arc<Mutex<HashMap<Country, usize>>>,
    open: Arc<AtomicUsize>,
    stop: watch::Receiver<bool>,
}

impl Federation {
    /// Runs until `stop` turns true: then takes no new connections, lets what is under way end, and closes.
    pub async fn run(node: Node, carrier: Carrier, stop: watch::Receiver<bool>) {
        let federation = Arc::new(Self { node, carrier, links: Arc::default(), open: Arc::default(), stop });
        let dialing = tokio::spawn(Arc::clone(&federation).dial_all());
        let mut stop = federation.stop.clone();
        loop {
            tokio::select! {
                incoming = federation.carrier.endpoint().accept() => match incoming {
                    Some(incoming) => federation.admit(incoming),
                    None => break,
                },
                _ = stop.wait_for(|stop| *stop) => break,
            }
        }
        dialing.abort();
        federation.carrier.endpoint().close(0u32.into(), b"stopping");
        timeout(Duration::from_secs(5), federation.carrier.endpoint().wait_idle()).await.ok();
    }

    /// Bounds what strangers can cost before they are known: at the limit they are turned away unread, and an address proves
    /// itself before the handshake's arithmetic when many come at once.
    fn admit(self: &Arc<Self>, incoming: Incoming) {
        if self.open.load(Ordering::Relaxed) >= MAX_CONNECTIONS {
            incoming.refuse();
            return;
        }
        if self.open.load(Ordering::Relaxed) >= MAX_CONNECTIONS / 4 && !incoming.remote_address_validated() {
            incoming.retry().ok();
            return;
        }
        self.open.fetch_add(1, Ordering::Relaxed);
        let federation = Arc::clone(self);
        tokio::spawn(async move {
            if let Err(error) = federation.accept(incoming).await {
                tracing::info!(%error, "a connection came to nothing");
            }
            federation.open.fetch_sub(1, Ordering::Relaxed);
        });
    }

    async fn accept(self: &Arc<Self>, incoming: Incoming) -> Result<(), LinkError> {
        let from = incoming.remote_address();
        let lost = |detail: String| LinkError::Lost { partner: from.to_string(), detail };
        let connecting = self.carrier.accept(incoming).map_err(|error| lost(error.to_string()))?;
        let connection = timeout(PATIENCE, connecting).await.map_err(|_| lost("no handshake in time".into()))?;
        let link = Link::greeted(&self.node, connection.map_err(|error| lost(error.to_string()))?).await?;
        let partner = link.partner();
        if !self.enter(partner).await {
            link.connection().close(2u32.into(), b"too many connections");
            return Err(lost(format!("{partner} has {MAX_LINKS_A_PARTNER} connections already")));
        }
        tracing::info!(%partner, node = link.partner_node(), %from, "partner connected");
        // A partner that we cannot dial is pulled over its own connection.
        let pulls = self.endpoints(partner).await.is_empty();
        self.live(link, pulls).await;
        self.leave(partner).await;
        Ok(())
    }

    /// Serves a link and, if `pulls`, pulls over it, until it ends, is too old, or the node stops.
    async fn live(&self, link: Link, pulls: bool) {
        let mut stop = self.stop.clone();
        let pulling = async {
            if pulls {
                keep_pulling(&link).await;
            } else {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = answer::serve(link.clone()) => {}
            () = pulling => {}
            () = sleep(MAX_AGE) => tracing::info!(partner = %link.partner(), "connection renewed for its age"),
            () = no_longer_pinned(&link) => tracing::warn!(partner = %link.partner(), "no partner any more: connection closed"),
            _ = stop.wait_for(|stop| *stop) => {}
        }
        link.close();
    }

    async fn enter(&self, partner: Country) -> bool {
        let mut links = self.links.lock().await;
        let count = links.entry(partner).or_default();
        let room = *count < MAX_LINKS_A_PARTNER;
        *count += usize::from(room);
        room
    }

    async fn leave(&self, partner: Country) {
        if let Some(count) = self.links.lock().await.get_mut(&partner) {
            *count = count.saturating_sub(1);
        }
    }

    async fn endpoints(&self, partner: Country) -> Vec<String> {
        self.node.endpoints_of(partner).await.unwrap_or_default()
    }

    /// One dialer a partner; partners that are added or removed while the node runs are followed.
    async fn dial_all(self: Arc<Self>) {
        let mut dialers: BTreeMap<Country, JoinHandle<()>> = BTreeMap::new();
        let mut changes = self.node.changes();
        loop {
            let partners = self.node.trust().administrations();
            dialers.retain(|partner, dialer| {
                let keep = partners.contains(partner);
                if !keep {
                    dialer.abort();
                }
                keep
            });
            for partner in partners {
                dialers.entry(partner).or_insert_with(|| tokio::spawn(Arc::clone(&self).dial(partner)));
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    async fn dial(self: Arc<Self>, partner: Country) {
        let longest = Duration::from_secs(self.node.config().retry_seconds);
        let mut wait = FIRST_WAIT;
        loop {
            for endpoint in self.endpoints(partner).await {
                match connect(&self.node, &self.carrier, partner, &endpoint).await {
                    Ok(link) => {
                        tracing::info!(%partner, endpoint, "connected to partner");
                        metrics::gauge!("carnet_partner_up", "partner" => partner.to_string()).set(1.0);
                        self.live(link, true).await;
                        metrics::gauge!("carnet_partner_up", "partner" => partner.to_string()).set(0.0);
                        wait = FIRST_WAIT;
                    }
                    Err(error) => tracing::info!(%partner, endpoint, %error, "partner not reached"),
                }
            }
            sleep(jittered(&self.node, wait)).await;
            wait = (wait * 2).min(longest);
        }
    }
}

/// Half of the wait is chance, so that partners that lost each other do not come back in step.
fn jittered(node: &Node, wait: Duration) -> Duration {
    let mut byte = [0];
    node.identity().random.fill(&mut byte).ok();
    wait / 2 + wait.mul_f64(f64::from(byte[0]) / 512.0)
}

async fn no_longer_pinned(link: &Link) {
    let mut changes = link.node().changes();
    while link.node().trust().of(link.partner()).is_some() {
        if changes.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Dials one endpoint of a partner and greets it.
///
/// # Errors
/// An address that does not resolve, a handshake that fails, another administration than expected.
pub async fn connect(node: &Node, carrier: &Carrier, partner: Country, address: &str) -> Result<Link, LinkError> {
    let lost = |detail: String| LinkError::Lost { partner: format!("{partner} ({address})"), detail };
    let remote = resolve(address, carrier.endpoint()).await.map_err(&lost)?;
    let connecting = carrier.connect(remote).map_err(|error| lost(error.to_string()))?;
    let connection = timeout(PATIENCE, connecting).await.map_err(|_| lost(NO_ANSWER.into()))?;
    let link = Link::greet(node, connection.map_err(|error| lost(error.to_string()))?).await?;
    if link.partner() != partner {
        link.close();
        return Err(lost(format!("{} answers there", link.partner())));
    }
    Ok(link)
}

async fn resolve(address: &str, endpoint: &Endpoint) -> Result<SocketAddr, String> {
    let address = address.to_owned();
    let six = endpoint.local_addr().is_ok_and(|local| local.is_ipv6());
    let found = tokio::task::spawn_blocking(move || address.to_socket_addrs().map(Iterator::collect::<Vec<_>>)).await;
    let all = found.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    let usable = |remote: &SocketAddr| six || matches!(remote.ip(), IpAddr::V4(_));
    all.into_iter().find(usable).ok_or_else(|| "the address does not resolve to one that this node can reach".to_owned())
}

/// Pulls whenever the partner's feed has grown, and payloads too where the operator wants them.
async fn keep_pulling(link: &Link) {
    let mut head = link.head();
    loop {
        match feed::pull(link).await {
            Ok(pulled) if pulled.new > 0 || pulled.refused > 0 => {
                tracing::info!(partner = %link.partner(), new = pulled.new, refused = pulled.refused, cursor = pulled.cursor, "records pulled");
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(partner = %link.partner(), %error, "the feed was not pulled to its end");
                if link.connection().close_reason().is_some() {
                    return;
                }
                sleep(FIRST_WAIT * 4).await;
                continue;
            }
        }
        if link.node().config().fetch_all {
            fetch_all(link).await;
        }
        if head.changed().await.is_err() {
            return;
        }
    }
}

/// Fetches every payload of this partner's records that is not here yet. What is refused stays absent.
async fn fetch_all(link: &Link) {
    let absent = match link.node().payloads_absent(link.partner()).await {
        Ok(absent) => absent,
        Err(error) => {
            tracing::error!(%error, "the catalogue cannot be read");
            return;
        }
    };
    let mut tasks = JoinSet::new();
    for (record, index) in absent {
        if tasks.len() >= 4 {
            tasks.join_next().await;
        }
        let link = link.clone();
        tasks.spawn(async move {
            if let Err(error) = fetch::payload(&link, record, index, &Arc::default()).await {
                tracing::info!(partner = %link.partner(), %record, payload = index, %error, "a payload was not fetched");
            }
        });
    }
    while tasks.join_next().await.is_some() {}
}
