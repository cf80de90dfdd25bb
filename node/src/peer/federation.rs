//! All partners at once: accepts those who reach us, dials those we know endpoints of, keeps pulling what they release to us.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use carnet_protocol::identifier::Country;
use quinn::{Connection, Endpoint, Incoming};
use ring::rand::SecureRandom;
use tokio::sync::{Mutex, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::answer::Desk;
use super::link::{self, Link, LinkError, PATIENCE};
use super::transport::{Carrier, MAX_AGE, MAX_CONNECTIONS};
use super::{answer, feed, fetch, tls};
use crate::node::Node;

/// Connections that one partner may have with us: its nodes, their command lines, and some that are dying.
const MAX_LINKS_A_PARTNER: usize = 16;
/// First wait after a failed attempt; it doubles up to `exchange.retry_seconds`.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// A handshake that is not through after this does not come: three lost flights are made up for by then, and a dead endpoint
/// must not keep the next one waiting.
const HANDSHAKE: Duration = Duration::from_secs(8);
/// What is said of an address from which nothing comes.
const NO_ANSWER: &str = "nothing answers there. Is its node running, and its UDP port open on the way?";

/// How often a living connection's certificate is judged again without news: it may have expired.
const JUDGE_AGAIN: Duration = Duration::from_secs(60);

/// How long what was begun may take to end when the node stops.
const DRAIN: Duration = Duration::from_secs(8);

/// How soon a feed is asked again for records whose time had not come.
const LOOK_BACK: Duration = Duration::from_secs(60);

/// What is kept of a partner while the node runs.
struct Seat {
    /// Connections that it has with us.
    links: usize,
    desk: Arc<Desk>,
}

/// The running exchange with all partners.
pub struct Federation {
    node: Node,
    carrier: Carrier,
    partners: Mutex<HashMap<Country, Seat>>,
    open: Arc<AtomicUsize>,
    stop: watch::Receiver<bool>,
}

impl Federation {
    /// Runs until `stop` turns true: then takes no new connections, lets what is under way end, and closes.
    pub async fn run(node: Node, carrier: Carrier, stop: watch::Receiver<bool>) {
        let federation = Arc::new(Self { node, carrier, partners: Mutex::default(), open: Arc::default(), stop });
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
        // Requests that were begun are answered to their end; links have taken no new ones since the signal.
        let desks: Vec<Arc<Desk>> = federation.partners.lock().await.values().map(|seat| Arc::clone(&seat.desk)).collect();
        let answered = async {
            for desk in &desks {
                desk.idle().await;
            }
        };
        if timeout(DRAIN, answered).await.is_err() {
            tracing::warn!("some requests were cut off; the partners ask again for what is missing");
        }
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
        let connection = connection.map_err(|error| lost(error.to_string()))?;
        // Counted before it says a word: a partner that never does must not take the places of all the others.
        let (partner, _) = link::identity(&connection)?;
        if !self.enter(partner).await {
            connection.close(2u32.into(), b"too many connections");
            return Err(lost(format!("{partner} has {MAX_LINKS_A_PARTNER} connections already")));
        }
        let ended = self.welcome(connection, from).await;
        self.leave(partner).await;
        ended
    }

    /// Greets a partner that reached us, and stays with it until the connection ends.
    async fn welcome(&self, connection: Connection, from: SocketAddr) -> Result<(), LinkError> {
        let link = Link::greeted(&self.node, connection).await?;
        let partner = link.partner();
        tracing::info!(%partner, node = link.partner_node(), %from, "partner connected");
        // A partner that we cannot dial is pulled over its own connection.
        let pulls = self.endpoints(partner).await.is_empty();
        self.live(link, pulls).await;
        Ok(())
    }

    /// Serves a link and, if `pulls`, pulls over it, until it ends, is too old, or the node stops.
    async fn live(&self, link: Link, pulls: bool) {
        // Closed however this ends, an aborted dialer included: the link's own tasks would hold the connection open for ever.
        let link = Closing(link);
        let desk = self.desk(link.partner()).await;
        let mut stop = self.stop.clone();
        let pulling = async {
            if pulls {
                keep_pulling(&link.0).await;
            } else {
                std::future::pending::<()>().await;
            }
        };
        let stopped = async {
            stop.wait_for(|stop| *stop).await.ok();
        };
        tokio::select! {
            () = answer::serve(link.clone(), Arc::clone(&desk)) => {}
            () = pulling => {}
            () = sleep(MAX_AGE) => tracing::info!(partner = %link.partner(), "connection renewed for its age"),
            why = distrusted(&link) => tracing::warn!(partner = %link.partner(), why, "connection closed: the partner is not trusted any more"),
            // The link is kept while what was begun ends, and takes nothing new: `serve` is no longer polled.
            () = stopped => timeout(DRAIN, desk.idle()).await.unwrap_or_default(),
        }
    }

    async fn enter(&self, partner: Country) -> bool {
        let mut partners = self.partners.lock().await;
        let seat = self.seat(&mut partners, partner);
        let room = seat.links < MAX_LINKS_A_PARTNER;
        seat.links += usize::from(room);
        room
    }

    async fn leave(&self, partner: Country) {
        if let Some(seat) = self.partners.lock().await.get_mut(&partner) {
            seat.links = seat.links.saturating_sub(1);
        }
    }

    async fn desk(&self, partner: Country) -> Arc<Desk> {
        Arc::clone(&self.seat(&mut *self.partners.lock().await, partner).desk)
    }

    fn seat<'a>(&self, partners: &'a mut HashMap<Country, Seat>, partner: Country) -> &'a mut Seat {
        let us = self.node.identity().administration;
        partners.entry(partner).or_insert_with(|| Seat { links: 0, desk: Arc::new(Desk::new(us, partner)) })
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

/// A link that is closed when it is let go.
struct Closing(Link);

impl std::ops::Deref for Closing {
    type Target = Link;

    fn deref(&self) -> &Link {
        &self.0
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Waits until the partner's certificate would not be taken any more: its administration was removed or has another root, or the
/// certificate was revoked or expired. Says which.
async fn distrusted(link: &Link) -> String {
    let mut changes = link.node().changes();
    let certificates = link::certificates(link.connection()).unwrap_or_default();
    let chain: Vec<&[u8]> = certificates.iter().map(AsRef::as_ref).collect();
    let mut judged = None;
    let mut again = tokio::time::interval(JUDGE_AGAIN);
    loop {
        let Some(pinned) = link.node().trust().of(link.partner()) else { return "it was removed".to_owned() };
        // What is trusted changes rarely, the catalogue often: the same entry is not judged at each change.
        if !judged.as_ref().is_some_and(|judged| Arc::ptr_eq(judged, &pinned)) {
            if let Err(fault) = tls::judge(&pinned, &chain) {
                return fault.to_string();
            }
            judged = Some(pinned);
        }
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { std::future::pending::<()>().await },
            _ = again.tick() => judged = None,
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
    let connection = timeout(HANDSHAKE, connecting).await.map_err(|_| lost(NO_ANSWER.into()))?;
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
        let behind = match feed::pull(link).await {
            Ok(pulled) => {
                if pulled.new > 0 || pulled.refused > 0 {
                    tracing::info!(partner = %link.partner(), new = pulled.new, refused = pulled.refused, cursor = pulled.cursor, "records pulled");
                }
                pulled.cursor < pulled.head
            }
            Err(error) => {
                tracing::warn!(partner = %link.partner(), %error, "the feed was not pulled to its end");
                if link.connection().close_reason().is_some() {
                    return;
                }
                sleep(FIRST_WAIT * 4).await;
                continue;
            }
        };
        if link.node().config().fetch_all {
            fetch_all(link).await;
        }
        tokio::select! {
            changed = head.changed() => if changed.is_err() { return },
            () = sleep(LOOK_BACK), if behind => {}
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
