//! The connections, and how long anything may wait for them.

use std::{future::Future, time::Duration};

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime, Timeouts,
};
use matrix_bridge_core::StoreError;
use tokio_postgres::NoTls;

use crate::{
    PostgresConfig,
    fault::Fault,
    session::{Phase, Session},
};

/// Whoever turned it off for speed turned it off for other data than this.
const DURABLE: &str = "\
    SELECT set_config('synchronous_commit', 'on', false) \
    WHERE current_setting('synchronous_commit') = 'off'";

/// The connections of one store.
pub(crate) struct Connections {
    pool: Pool,
    call_timeout: Duration,
}

impl Connections {
    pub(crate) fn new(config: &PostgresConfig) -> Result<Self, deadpool_postgres::BuildError> {
        let pool = Pool::builder(manager(config))
            .max_size(config.max_connections)
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts {
                wait: Some(config.connect_timeout),
                create: Some(config.connect_timeout),
                recycle: Some(config.connect_timeout),
            })
            .post_create(Hook::async_fn(|client, _| {
                Box::pin(async move {
                    let made = client.batch_execute(DURABLE).await;
                    made.map_err(HookError::Backend)
                })
            }))
            .build()?;
        Ok(Self {
            pool,
            call_timeout: config.call_timeout,
        })
    }

    /// Makes one call of the store on one connection, within the time that it may take.
    pub(crate) async fn call<T, F>(
        &self,
        doing: &str,
        work: impl FnOnce(Session) -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let phase = Phase::default();
        let result = self.run(&phase, work).await;
        result.map_err(|fault| fault.into_store_error(doing, phase.is_committing()))
    }

    /// The same, with what went wrong inside.
    pub(crate) async fn run<T, F>(
        &self,
        phase: &Phase,
        work: impl FnOnce(Session) -> F,
    ) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let run = async {
            let object = self.pool.get().await?;
            work(Session::new(object, phase.clone())).await
        };
        let within = tokio::time::timeout(self.call_timeout, run);
        within.await.unwrap_or(Err(Fault::Slow))
    }

    /// Lets go of all connections; those in use end with their calls.
    pub(crate) fn close(&self) {
        self.pool.close();
    }
}

fn manager(config: &PostgresConfig) -> Manager {
    let server = server(config);
    let how = ManagerConfig {
        // A connection that broke shows at once, and a call may be tried again.
        recycling_method: RecyclingMethod::Fast,
    };
    #[cfg(feature = "rustls")]
    if let Some(tls) = &config.tls {
        let tls = tokio_postgres_rustls::MakeRustlsConnect::new(tls.clone());
        return Manager::from_config(server, tls, how);
    }
    Manager::from_config(server, NoTls, how)
}

/// The address with what every connection of ours is set to.
pub(crate) fn server(config: &PostgresConfig) -> tokio_postgres::Config {
    let mut server = config.server.clone();
    let limit = config.call_timeout.as_millis();
    // A process that stands still in a transaction keeps others from what it has locked.
    let idle = config.call_timeout.min(config.takeover).as_millis().max(1);
    let ours = format!(
        "-c search_path={} -c statement_timeout={limit} -c lock_timeout={limit} \
         -c idle_in_transaction_session_timeout={idle} \
         -c default_transaction_isolation=read\\ committed -c client_min_messages=warning",
        config.schema
    );
    let options = match server.get_options() {
        Some(theirs) => format!("{theirs} {ours}"),
        None => ours,
    };
    server.options(options);
    if server.get_application_name().is_none() {
        server.application_name("matrix-bridge");
    }
    if server.get_connect_timeout().is_none() {
        server.connect_timeout(config.connect_timeout);
    }
    server
}
