//! This machine as an exporter: its GPUs under the names of dcgm-exporter, the machine under those
//! of node_exporter, so that a node without exporters can be watched.
//!
//! | path | answer |
//! |---|---|
//! | `/metrics` | the page |
//! | `/` | what this is |
//!
//! Those who ask within a second of each other get one reading. The machine is read away from the
//! runtime's threads; while a driver hangs askers are told so, and no second reading is begun.

pub mod node;
pub mod page;
pub mod probe;
pub mod sheet;

use std::convert::Infallible;
use std::future::Future;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};

/// Makes the page; may block.
pub type Reader = Box<dyn FnMut() -> String + Send>;

/// Connections that are held at a time; more wait in the listener's queue.
const MAX_CONNECTIONS: usize = 64;
/// How long a connection may take to send its request line and headers, and be idle.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one connection is kept in all: whoever reads slowly cannot hold a place for ever.
const CONNECTION_LIFE: Duration = Duration::from_secs(300);
/// How old a reading may be that is given again.
const MAX_AGE: Duration = Duration::from_secs(1);
/// How long an asker waits for a reading.
const PATIENCE: Duration = Duration::from_secs(8);
/// How long answers that are under way at the end may take.
const FAREWELL: Duration = Duration::from_secs(2);
/// Pause after the system refused a connection (too many open files).
const REFUSED_PAUSE: Duration = Duration::from_millis(100);

/// Serves what `reader` makes on `listener` until `shutdown` is done; answers that are under way
/// then are finished first.
pub async fn serve(listener: TcpListener, reader: Reader, shutdown: impl Future<Output = ()>) {
    let desk = Arc::new(Desk::new(reader));
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let (stop, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = accept(&listener, &room) => {
                connections.spawn(connection(accepted, Arc::clone(&desk), stopped.clone()));
            }
        }
    }
    drop(listener);
    stop.send_replace(true);
    // Whoever has not finished by then is cut off.
    let _ = timeout(FAREWELL, async { while connections.join_next().await.is_some() {} }).await;
}

/// The next connection, with its place among [`MAX_CONNECTIONS`].
async fn accept(listener: &TcpListener, room: &Arc<Semaphore>) -> (TcpStream, OwnedSemaphorePermit) {
    let permit = Arc::clone(room).acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, permit),
            Err(_) => sleep(REFUSED_PAUSE).await,
        }
    }
}

async fn connection(
    (stream, permit): (TcpStream, OwnedSemaphorePermit),
    desk: Arc<Desk>,
    mut stopped: watch::Receiver<bool>,
) {
    let service = service_fn(move |request| {
        let desk = Arc::clone(&desk);
        async move { Ok::<_, Infallible>(answer(&request, &desk).await) }
    });
    let serving = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(serving);
    // An asker that goes away or talks nonsense ends its own connection; nobody else is told.
    let _ = timeout(CONNECTION_LIFE, async {
        tokio::select! {
            _ = serving.as_mut() => return,
            _ = stopped.wait_for(|s| *s) => serving.as_mut().graceful_shutdown(),
        }
        let _ = serving.await;
    })
    .await;
    drop(permit);
}

async fn answer(request: &Request<Incoming>, desk: &Desk) -> Response<Full<Bytes>> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let mut refused = text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n");
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    match request.uri().path() {
        "/metrics" => match desk.page().await {
            Ok(page) => body(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", page),
            Err(why) => text(StatusCode::SERVICE_UNAVAILABLE, why),
        },
        "/" => body(StatusCode::OK, "text/html; charset=utf-8", Bytes::from_static(FRONT.as_bytes())),
        _ => text(StatusCode::NOT_FOUND, "not found: the page is /metrics\n"),
    }
}

const FRONT: &str = "<!doctype html>\n<title>hallwatch exporter</title>\n<h1>hallwatch exporter</h1>\n\
    <p>This machine and its GPUs: <a href=\"/metrics\">metrics</a></p>\n";

fn body(status: StatusCode, kind: &'static str, bytes: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn text(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    body(status, "text/plain; charset=utf-8", Bytes::from_static(text.as_bytes()))
}

/// Where readings are shared.
struct Desk {
    reader: Arc<std::sync::Mutex<Reader>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The last page and when it was finished.
    page: Option<(Instant, Bytes)>,
    /// The reading that is under way.
    running: Option<JoinHandle<Bytes>>,
}

impl Desk {
    fn new(reader: Reader) -> Self {
        Self { reader: Arc::new(std::sync::Mutex::new(reader)), state: Mutex::default() }
    }

    /// A page that is at most [`MAX_AGE`] old, or why there is none.
    async fn page(&self) -> Result<Bytes, &'static str> {
        timeout(PATIENCE, self.read()).await.unwrap_or(Err("the driver does not answer\n"))
    }

    async fn read(&self) -> Result<Bytes, &'static str> {
        let mut state = self.state.lock().await;
        if let Some((_, page)) = state.page.as_ref().filter(|(at, _)| at.elapsed() < MAX_AGE) {
            return Ok(page.clone());
        }
        // A reading that an earlier asker gave up on is still the one to wait for.
        let running = state.running.get_or_insert_with(|| {
            let reader = Arc::clone(&self.reader);
            tokio::task::spawn_blocking(move || {
                let mut reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
                Bytes::from(reader())
            })
        });
        let done = running.await;
        state.running = None;
        let page = done.map_err(|_| "the reading failed\n")?;
        state.page = Some((Instant::now(), page.clone()));
        Ok(page)
    }
}

#[cfg(test)]
mod tests;
