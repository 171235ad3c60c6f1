//! Metrics and health over HTTP.

use std::{net::SocketAddr, time::Duration};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
    routing::get,
};
use matrix_bridge::{HealthBoard, Status, chain, metrics};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;

use super::config::{ConfigError, Placed};

/// From a handler that only answers to one that works for an hour.
const HANDLER_SECONDS: [f64; 10] = [0.001, 0.01, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0, 3_600.0];

/// The exporter forgets what it gathered for histograms only when it is told to.
const UPKEEP: Duration = Duration::from_secs(5);

/// Serves `/metrics` and `/healthz` until the process ends. Returns the address.
pub(crate) async fn serve(
    listen: &Placed<SocketAddr>,
    health: HealthBoard,
) -> Result<SocketAddr, ConfigError> {
    let wrong = |error: &dyn std::error::Error| {
        let found = format!(
            "{}, which cannot be listened on ({})",
            listen.value,
            chain(error)
        );
        ConfigError::new(&listen.place, found, "a free address of this machine")
    };
    let listener = TcpListener::bind(listen.value)
        .await
        .map_err(|error| wrong(&error))?;
    let address = listener.local_addr().map_err(|error| wrong(&error))?;
    let metrics = recorder().map_err(|error| wrong(&error))?;
    tokio::spawn(upkeep(metrics.clone()));
    let routes = Router::new()
        .route("/metrics", get(scrape).with_state(metrics))
        .route("/healthz", get(healthz).with_state(health));
    tokio::spawn(async move {
        // It accepts until the process ends, and waits by itself when it cannot.
        let _ = axum::serve(listener, routes).await;
    });
    Ok(address)
}

fn recorder() -> Result<PrometheusHandle, BuildError> {
    let handler = Matcher::Full(metrics::HANDLER.to_owned());
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(handler, &HANDLER_SECONDS)?
        .install_recorder()?;
    metrics::register();
    Ok(handle)
}

async fn upkeep(metrics: PrometheusHandle) {
    loop {
        tokio::time::sleep(UPKEEP).await;
        metrics.run_upkeep();
    }
}

async fn scrape(State(metrics): State<PrometheusHandle>) -> impl IntoResponse {
    let text = "text/plain; version=0.0.4; charset=utf-8";
    ([(CONTENT_TYPE, text)], metrics.render())
}

async fn healthz(State(health): State<HealthBoard>) -> impl IntoResponse {
    let health = health.health();
    let status = match health.status {
        Status::Ok | Status::Degraded => StatusCode::OK,
        Status::Failed => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, Json(health))
}
