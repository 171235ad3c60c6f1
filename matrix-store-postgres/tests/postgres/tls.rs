//! Encrypted connections.

use std::sync::Arc;

use matrix_bridge_core::{OutboundQueue as _, StateStore as _};
use matrix_bridge_store_postgres::{OpenError, PostgresConfig};
use matrix_bridge_testkit::postgres::{Postgres, PostgresConfig as ServerConfig};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};

use crate::{
    place,
    sample::{enqueue, row},
};

const AUTHORITY: &[u8] = include_bytes!("../tls/ca.pem");

/// Trusts who is vouched for by these.
fn trusting(authorities: &[&[u8]]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    for pem in authorities {
        roots
            .add(CertificateDer::from_pem_slice(pem).unwrap())
            .unwrap();
    }
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

async fn server() -> (Postgres, std::path::PathBuf) {
    let (config, folder) = place::server_config("tls").await;
    let [certificate, key] = [
        include_str!("../tls/server.pem"),
        include_str!("../tls/server.key"),
    ];
    let config = ServerConfig::tls(config, certificate, key);
    (Postgres::start(config).await.unwrap(), folder)
}

#[tokio::test]
async fn connections_are_encrypted_to_who_is_vouched_for() {
    let (mut server, folder) = server().await;
    let url = format!("{}?sslmode=require", server.url());
    let config = PostgresConfig::new(&url).unwrap();

    let store = config
        .clone()
        .tls(trusting(&[AUTHORITY]))
        .open()
        .await
        .unwrap();
    enqueue(&store, vec![row("1", "lane")]).await.unwrap();
    assert_eq!(store.depth().await.unwrap().waiting, 1);
    // The one that listens too.
    store.changed().await;

    let strangers = config.clone().tls(trusting(&[])).open().await.unwrap_err();
    assert!(
        matches!(strangers, OpenError::Unavailable(_)),
        "{strangers}"
    );
    let clear = config.open().await.unwrap_err();
    assert!(matches!(clear, OpenError::Unavailable(_)), "{clear}");
    store.close().await.unwrap();
    server.stop().await.unwrap();
    std::fs::remove_dir_all(folder).unwrap();
}
