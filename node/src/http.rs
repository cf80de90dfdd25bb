//! Metrics and health, on a local port.

use std::net::SocketAddr;

use anyhow::Context as _;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::node::Node;

/// A server that runs.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// Ends after the stop signal.
    pub task: JoinHandle<()>,
}

#[derive(Clone)]
struct Shared {
    node: Node,
    metrics: PrometheusHandle,
}

/// Begins to count.
///
/// # Errors
/// A recorder that is there already.
pub fn recorder() -> anyhow::Result<PrometheusHandle> {
    PrometheusBuilder::new().install_recorder().context("metrics cannot be counted")
}

/// Serves `/metrics` (Prometheus), `/health` (the process lives) and `/ready` (the catalogue answers).
///
/// # Errors
/// A port that is taken.
pub async fn serve(node: &Node, metrics: PrometheusHandle, address: SocketAddr, mut stop: watch::Receiver<bool>) -> anyhow::Result<Server> {
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}; is another node running? See listen.http in config.toml"))?;
    let address = listener.local_addr()?;
    let routes = Router::new()
        .route("/metrics", get(show_metrics))
        .route("/health", get(|| async { Json(json!({ "status": "alive" })) }))
        .route("/ready", get(ready))
        .with_state(Shared { node: node.clone(), metrics });
    let task = tokio::spawn(async move {
        let stopped = async move {
            stop.wait_for(|stop| *stop).await.ok();
        };
        if let Err(error) = axum::serve(listener, routes).with_graceful_shutdown(stopped).await {
            tracing::error!(%error, "the metrics server ended");
        }
    });
    Ok(Server { address, task })
}

async fn show_metrics(State(shared): State<Shared>) -> String {
    if let Ok(status) = shared.node.catalogue().status().await {
        metrics::gauge!("carnet_records", "maker" => "own").set(status.own as f64);
        metrics::gauge!("carnet_records", "maker" => "partners").set(status.partner as f64);
        metrics::gauge!("carnet_log_entries").set(status.log_size as f64);
        metrics::gauge!("carnet_transfers_open").set(status.intents as f64);
        metrics::gauge!("carnet_equivocations").set(status.equivocations as f64);
        metrics::gauge!("carnet_database_bytes").set(status.bytes as f64);
    }
    shared.metrics.run_upkeep();
    shared.metrics.render()
}

async fn ready(State(shared): State<Shared>) -> (StatusCode, Json<Value>) {
    match shared.node.catalogue().status().await {
        Ok(status) => (StatusCode::OK, Json(json!({ "status": "ready", "log_size": status.log_size }))),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "not ready", "reason": error.to_string() }))),
    }
}
