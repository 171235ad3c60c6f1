//! Where the tests have their tables: in the server that the run shares, each in schemas of
//! its own, or in a server of a test's own.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use matrix_bridge_store_postgres::{LeaseClock, PostgresConfig, PostgresStore};
use matrix_bridge_testkit::postgres::{
    Binaries, Postgres, PostgresConfig as ServerConfig, SharedPostgres,
};

static PLACES: AtomicU64 = AtomicU64::new(0);

/// The schemas of one test.
#[derive(Debug)]
pub(crate) struct Place {
    prefix: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { prefix: unique() }
    }

    /// A store of that name, to be opened.
    pub(crate) fn config(&self, name: &str) -> PostgresConfig {
        let config = PostgresConfig::new(&url()).expect("the address is one");
        let config = config.schema(self.schema(name)).max_connections(4);
        // A copy waits for so long where a case has left claims.
        config.takeover(Duration::from_secs(3))
    }

    pub(crate) fn schema(&self, name: &str) -> String {
        format!("{}_{}", self.prefix, name.replace('-', "_"))
    }

    /// The store of that name, whose leases and claims go by the time that tests name.
    pub(crate) async fn open(&self, name: &str) -> PostgresStore {
        let config = self.config(name).lease_clock(LeaseClock::Caller);
        config.open().await.expect("the store opens")
    }

    /// Runs statements beside the store.
    pub(crate) async fn run(&self, name: &str, sql: &str) {
        let mut server: tokio_postgres::Config = url().parse().expect("the address is one");
        server.options(format!("-c search_path={}", self.schema(name)));
        let connected = server.connect(tokio_postgres::NoTls).await;
        let (client, connection) = connected.expect("the server takes connections");
        let statements = async {
            client.batch_execute(sql).await.expect("they run");
            drop(client);
        };
        let (_ended, ()) = tokio::join!(connection, statements);
    }
}

/// The address of the server that the run shares.
pub(crate) fn url() -> String {
    let shared = SharedPostgres::from_env();
    let shared = shared.expect("`cargo xtask test postgres` starts a server and says where it is");
    shared.url().to_owned()
}

/// A server that only this test has, to be killed.
pub(crate) async fn server(name: &str) -> (Postgres, PathBuf) {
    let (config, folder) = server_config(name).await;
    let server = Postgres::start(config).await;
    (server.expect("the server starts"), folder)
}

/// Such a server, to be started, and its folder.
pub(crate) async fn server_config(name: &str) -> (ServerConfig, PathBuf) {
    let testkit = matrix_bridge_testkit::python::testkit_folder();
    let testkit = testkit.expect("the test lies in cargo's folder");
    let folder = testkit.join(format!("postgres-{name}-{}", unique()));
    let binaries = Binaries::find(&testkit, |_| {}).await;
    let binaries = binaries.expect("there is a server to run");
    (ServerConfig::new(&binaries, &folder), folder)
}

fn unique() -> String {
    let nth = PLACES.fetch_add(1, Ordering::Relaxed);
    format!("t{}_{nth}", std::process::id())
}
