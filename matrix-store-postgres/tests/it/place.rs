//! Where the tests have their tables: in the server that the run shares, each in schemas of
//! its own.

use std::sync::atomic::{AtomicU64, Ordering};

use matrix_bridge_store_postgres::{LeaseClock, PostgresConfig, PostgresStore};
use matrix_bridge_testkit::postgres::SharedPostgres;

static PLACES: AtomicU64 = AtomicU64::new(0);

/// The schemas of one test.
#[derive(Debug)]
pub(crate) struct Place {
    prefix: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        let nth = PLACES.fetch_add(1, Ordering::Relaxed);
        let process = std::process::id();
        Self {
            prefix: format!("t{process}_{nth}"),
        }
    }

    /// A store of that name, to be opened.
    pub(crate) fn config(&self, name: &str) -> PostgresConfig {
        let shared = SharedPostgres::from_env()
            .expect("`cargo xtask test postgres` starts a server and says where it is");
        let schema = format!("{}_{}", self.prefix, name.replace('-', "_"));
        PostgresConfig::new(shared.url())
            .expect("the address is one")
            .schema(schema)
            .max_connections(4)
    }

    /// The store of that name, whose leases and claims go by the time that tests name.
    pub(crate) async fn open(&self, name: &str) -> PostgresStore {
        let config = self.config(name).lease_clock(LeaseClock::Caller);
        config.open().await.expect("the store opens")
    }
}
