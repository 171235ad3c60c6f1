//! The front on a loopback socket.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Limited};
use hyper::{
    body::{Body, Frame, Incoming, SizeHint},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

use super::{handle::TestHomeserver, outcome::Answer};

/// A [`TestHomeserver`] on a real port of the loopback interface.
///
/// Dropping it stops listening and cuts all connections. Cuts by script are cuts of the
/// TCP connection: the client sees it closed and no HTTP status.
#[derive(Debug)]
pub struct HomeserverSocket {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl TestHomeserver {
    /// Listens on a free port of 127.0.0.1, in HTTP/1.1 without TLS.
    ///
    /// # Errors
    ///
    /// If no port can be had.
    pub async fn serve(&self) -> io::Result<HomeserverSocket> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let accepting = tokio::spawn(accept(listener, self.clone()));
        Ok(HomeserverSocket { address, accepting })
    }
}

impl HomeserverSocket {
    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL for clients, without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops listening, cuts all connections and waits until that is done.
    pub async fn shutdown(mut self) {
        self.accepting.abort();
        // It ends by the abort; there is no result to look at.
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for HomeserverSocket {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// The connections end with this task, because their set does.
async fn accept(listener: TcpListener, server: TestHomeserver) {
    let mut connections = JoinSet::new();
    // A listener that fails will not recover; the clients see refused connections.
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(converse(stream, server.clone()));
        while connections.try_join_next().is_some() {}
    }
}

async fn converse(stream: TcpStream, server: TestHomeserver) {
    let service = service_fn(move |request| {
        let server = server.clone();
        async move { respond(&server, request).await }
    });
    // An error is the cut that the script asked for, or a client that went away.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// An error makes hyper close the connection without a byte of an answer.
async fn respond(
    server: &TestHomeserver,
    request: Request<Incoming>,
) -> Result<Response<Outgoing>, io::Error> {
    let (head, body) = request.into_parts();
    let longest = server.look(|server| server.config.max_upload);
    let body = Limited::new(body, longest)
        .collect()
        .await
        .map_err(io::Error::other)?;
    let request = Request::from_parts(head, body.to_bytes());
    match server.exchange(&request).await {
        Answer::Whole(response) => Ok(response.map(Outgoing::whole)),
        Answer::Torn(response) => Ok(response.map(Outgoing::torn)),
        Answer::Cut | Answer::Refused => Err(cut()),
        Answer::Silence => std::future::pending().await,
    }
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "cut by script")
}

/// A body that may end before its announced length.
#[derive(Debug)]
struct Outgoing {
    rest: Option<Bytes>,
    announced: u64,
    is_torn: bool,
    has_paused: bool,
}

impl Outgoing {
    fn whole(bytes: Bytes) -> Self {
        let announced = bytes.len() as u64;
        Self {
            rest: Some(bytes),
            announced,
            is_torn: false,
            has_paused: false,
        }
    }

    fn torn(bytes: Bytes) -> Self {
        let half = bytes.slice(..bytes.len() / 2);
        Self {
            rest: Some(half),
            is_torn: true,
            ..Self::whole(bytes)
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(bytes) = self.rest.take() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        if !self.is_torn {
            return Poll::Ready(None);
        }
        // hyper flushes when a body pauses; without that the head would be cut off, too.
        if !self.has_paused {
            self.has_paused = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(cut())))
    }

    fn is_end_stream(&self) -> bool {
        !self.is_torn && self.rest.as_ref().is_none_or(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.announced)
    }
}
