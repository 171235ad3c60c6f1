//! The bot as a process: what is started in which order, and how it ends.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use matrix_bridge::{Bot, Client, HealthBoard, Settings, Store};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    Fatal, commands,
    config::{Config, Environment, Live},
    connect::{Connector, Try},
    http,
    reload::Reload,
    rooms::{self, Allowlist},
    signals::{Signal, Signals},
    store,
};

/// Whoever sends SIGTERM sends SIGKILL soon after; what is not done by then is done after
/// the next start.
const STOP_WITHIN: Duration = Duration::from_millis(4_500);

/// Runs until a signal says to stop.
pub(crate) async fn run(
    config: Config,
    file: Option<PathBuf>,
    environment: Environment,
) -> Result<(), Fatal> {
    let signals = Signals::install().map_err(|error| Fatal::failed("catching signals", &error))?;
    let stop = CancellationToken::new();
    let (wish, wishes) = watch::channel(config.live.clone());
    let reload = Reload {
        running: config.clone(),
        file,
        environment,
        wish,
    };
    tokio::spawn(obey(signals, reload, stop.clone()));
    let overdue = async {
        stop.cancelled().await;
        tokio::time::sleep(STOP_WITHIN).await;
    };
    tokio::select! {
        biased;
        result = work(config, wishes, stop.clone()) => {
            if result.is_ok() {
                tracing::info!("stopped");
            }
            result
        }
        () = overdue => {
            tracing::warn!("stopping took too long; what was under way is done after the next start");
            Ok(())
        }
    }
}

/// Does what signals ask for.
async fn obey(mut signals: Signals, reload: Reload, stop: CancellationToken) {
    loop {
        match signals.next().await {
            Signal::Stop(name) => {
                tracing::info!("{name}: stopping");
                stop.cancel();
                return;
            }
            Signal::Reload => reload.read_again(),
        }
    }
}

async fn work(
    config: Config,
    wishes: watch::Receiver<Live>,
    stop: CancellationToken,
) -> Result<(), Fatal> {
    let health = HealthBoard::default();
    // Who else holds it, or what is wrong with it, must be told even while the homeserver
    // is away. A new one is made only when it is sure whose it is.
    let place = &config.state_store;
    let store = place.open_existing(config.takeover).await?;
    let address = match &config.listen {
        Some(listen) => Some(http::serve(listen, health.clone()).await?),
        None => None,
    };
    let connecting = connect(&config, &health, wishes.clone(), address);
    let connected = tokio::select! {
        biased;
        () = stop.cancelled() => None,
        client = connecting => Some(client),
    };
    // A store that was opened is closed, whatever else went wrong.
    let client = match connected {
        Some(Ok(client)) => client,
        ended => {
            if let Some(store) = store {
                store::close(&*store).await;
            }
            return ended.map_or(Ok(()), |error| error.map(drop));
        }
    };
    let store = match store {
        Some(store) => store,
        None => place.open(config.takeover).await?,
    };
    let device = client.who_am_i().device.map(|device| device.to_string());
    tracing::info!(
        user = %config.user.value,
        device = device.as_deref().unwrap_or_default(),
        name = config.device_name.as_deref().unwrap_or_default(),
        "connected to {}", config.homeserver_url.value
    );
    announce(address);
    let result = follow(&config, client, store.clone(), health, wishes, stop).await;
    store::close(&*store).await;
    result
}

/// Connects, however long the homeserver is away. A reload or another token makes it try
/// at once.
async fn connect(
    config: &Config,
    health: &HealthBoard,
    mut wishes: watch::Receiver<Live>,
    mut address: Option<SocketAddr>,
) -> Result<Client, Fatal> {
    let mut connector = Connector::new(config, health);
    loop {
        let delay = match connector.attempt().await? {
            Try::Connected(client) => return Ok(client),
            Try::Wait(delay) => delay,
        };
        announce(address.take());
        tokio::select! {
            biased;
            Ok(()) = wishes.changed() => {}
            () = connector.token_changed() => {}
            () = tokio::time::sleep(delay) => {}
        }
    }
}

/// Only once the configuration proved to be right: until then a mistake is the only line.
fn announce(address: Option<SocketAddr>) {
    if let Some(address) = address {
        tracing::info!("serving http://{address}/metrics and /healthz");
    }
}

/// Is the bot, until it is told to stop.
async fn follow(
    config: &Config,
    client: Client,
    store: Arc<dyn Store>,
    health: HealthBoard,
    wishes: watch::Receiver<Live>,
    stop: CancellationToken,
) -> Result<(), Fatal> {
    let start = Allowlist::start(
        client.clone(),
        store.clone(),
        health.clone(),
        config.history,
        wishes,
    );
    let list = tokio::select! {
        biased;
        () = stop.cancelled() => return Ok(()),
        list = start => list,
    };
    let policy = list.policy();
    tracing::info!("rooms in force: {}", rooms::summary(&policy));
    if config.live.rooms.is_empty() {
        tracing::warn!("no rooms are listed: nothing will be answered");
    }
    let bot = Bot::with_parts(client, store, Arc::new(commands::router()))
        .with_health(health)
        .with_policy(policy)
        .with_settings(settings(config));
    let keeping = tokio::spawn(list.keep(bot.handle()));
    let result = bot.run(stop).await;
    keeping.abort();
    Ok(result?)
}

fn settings(config: &Config) -> Settings {
    Settings {
        grace: config.grace,
        marks_ttl: config.dedupe_ttl,
        marks_max: config.dedupe_max,
        lease_ttl: config.takeover,
        // The slowest command must not be given up.
        handler_timeout: commands::SLOWEST + Duration::from_secs(60),
        ..Settings::default()
    }
}
