//! The connection that hears of what other processes enqueue.

use std::{future::poll_fn, sync::Arc, time::Duration};

use futures_util::future::{Either, select};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::{AsyncMessage, Client, Connection, NoTls};
use tokio_util::sync::CancellationToken;

use crate::{PostgresConfig, pool, worker::Worker};

const SHORTEST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);

/// Listens until it is told to stop; connects anew where the connection breaks. Whoever
/// sends looks by itself meanwhile.
pub(crate) async fn listen(config: PostgresConfig, worker: Arc<Worker>, stop: CancellationToken) {
    let mut wait = SHORTEST;
    while !stop.is_cancelled() {
        let heard = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            heard = connect(&config, &worker) => heard,
        };
        match heard {
            Ok(()) => wait = SHORTEST,
            Err(error) => tracing::debug!("cannot listen: {error}"),
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
        wait = (wait * 2).min(LONGEST);
    }
}

/// Listens until the connection breaks. An error if it never came about.
async fn connect(config: &PostgresConfig, worker: &Worker) -> Result<(), tokio_postgres::Error> {
    let server = pool::server(config);
    #[cfg(feature = "rustls")]
    if let Some(tls) = &config.tls {
        let tls = tokio_postgres_rustls::MakeRustlsConnect::new(tls.clone());
        let (client, connection) = server.connect(tls).await?;
        return hear(&client, connection, worker).await;
    }
    let (client, connection) = server.connect(NoTls).await?;
    hear(&client, connection, worker).await
}

async fn hear<S, T>(
    client: &Client,
    mut connection: Connection<S, T>,
    worker: &Worker,
) -> Result<(), tokio_postgres::Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    let messages = async {
        // Ends with the connection.
        while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
            if let AsyncMessage::Notification(told) = message {
                worker.hear(told.channel(), told.payload());
            }
        }
    };
    let listen = format!("LISTEN \"{}\"", worker.channel());
    let asked = async {
        client.batch_execute(&listen).await?;
        // What was told before is not heard.
        worker.wake.notify_one();
        std::future::pending::<Result<(), tokio_postgres::Error>>().await
    };
    match select(std::pin::pin!(messages), std::pin::pin!(asked)).await {
        Either::Left(((), _)) => Ok(()),
        Either::Right((refused, _)) => refused,
    }
}
