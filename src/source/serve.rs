//! The simulated fleet as dcgm-exporter endpoints, so that live mode can be tried at any size on
//! one machine.
//!
//! | path | answer |
//! |---|---|
//! | `/tray/N/metrics` | the page of tray N, as dcgm-exporter 4.x prints it |
//! | `/targets.json` | the target list of all trays, in Prometheus' `file_sd` form |
//! | `/truth.json` | what is being served right now, host by host |
//!
//! As a site looks, with an address per tray ([`site`]), the page of a tray is at `/metrics` of its address.
//!
//! A tray whose exporter is silent answers 503 when its number is even; when it is odd it keeps the
//! asker waiting. A lost GPU is missing from its page.

pub mod fleet;
pub mod page;
pub mod site;

use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::model::Topology;
use crate::model::document::FileError;
use crate::source::serve::fleet::{Fleet, Moment, Reach, Site};
use crate::source::serve::site::Layout;
use crate::source::sim::scenario::Plan;

/// Connections that are held at a time; more wait in the listener's queue. Scrapers keep one to each
/// tray.
const MAX_CONNECTIONS: usize = 65_536;
/// How long a silent tray keeps its asker waiting before it gives up.
const STALL: Duration = Duration::from_secs(60);
/// How long a connection may take to send its request line and headers.
const HEADER_TIMEOUT: Duration = Duration::from_secs(75);
/// Pause after the system refused a connection (too many open files).
const REFUSED_PAUSE: Duration = Duration::from_millis(100);

/// What to serve.
#[derive(Clone, Debug)]
pub struct ServeConfig {
    /// The site that the trays belong to.
    pub topology: Arc<Topology>,
    /// Seed of the simulation, and what happens in it.
    pub plan: Plan,
    /// How many trays to serve, from the first one on; no more than the site has.
    pub trays: usize,
    /// Ticks that are simulated before the first answer, at least 1.
    pub ticks: u64,
    /// Stay at that tick instead of going on.
    pub frozen: bool,
    /// Ticks a second, 0.01 to 1,000.
    pub speed: f64,
    /// Where to write the target list, besides serving it.
    pub targets_file: Option<PathBuf>,
    /// How the trays are reached.
    pub layout: Layout,
}

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// No tray was asked for, or the site has none.
    #[error("no trays to serve")]
    NoTrays,
    /// More trays than loopback has addresses.
    #[error("more trays than loopback has addresses: at most {}", site::MAX_NODES)]
    TooMany,
    /// The scenario does not fit the trays that are served.
    #[error(transparent)]
    Scenario(#[from] FileError),
    /// The listening socket has no address.
    #[error("cannot tell the address of the listening socket: {0}")]
    Address(#[source] std::io::Error),
    /// The target list could not be written.
    #[error("cannot write the target list {}: {source}", path.display())]
    TargetsFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// A server that is ready to run.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    fleet: Fleet,
    base_url: String,
    config: ServeConfig,
}

impl Server {
    /// Simulates the first ticks and writes the target list.
    ///
    /// # Errors
    /// No trays, a scenario that does not fit them, no address, or the list cannot be written.
    pub fn prepare(listener: TcpListener, config: ServeConfig) -> Result<Self, ServeError> {
        let address = reachable(listener.local_addr().map_err(ServeError::Address)?);
        let mut fleet =
            Fleet::new(&config.topology, &config.plan, config.trays)?.ok_or(ServeError::NoTrays)?;
        for _ in 1..config.ticks.max(1) {
            fleet.step();
        }
        if config.layout.own_addresses && fleet.site().trays() > site::MAX_NODES {
            return Err(ServeError::TooMany);
        }
        let reach = Reach::new(&address, config.layout);
        if let Some(path) = &config.targets_file {
            write_whole(path, fleet.site().targets(&reach).as_bytes())
                .map_err(|source| ServeError::TargetsFile { path: path.clone(), source })?;
        }
        Ok(Self { listener, fleet, base_url: format!("http://{address}"), config })
    }

    /// `http://address:port`.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// What to tell whoever started the server, one per line: base URL, where the target list is
    /// (file, or URL when none was asked for), and that it is ready.
    #[must_use]
    pub fn announce(&self) -> [String; 3] {
        let list = match &self.config.targets_file {
            Some(path) => path.display().to_string(),
            None => format!("{}/targets.json", self.base_url),
        };
        [self.base_url.clone(), list, "ready".to_owned()]
    }

    /// Serves until `shutdown` is done. Connections that are open then are dropped.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) {
        let (tx, rx) = watch::channel(self.fleet.moment());
        let shared = Arc::new(Shared {
            site: Arc::clone(self.fleet.site()),
            reach: Reach::new(self.base_url.trim_start_matches("http://"), self.config.layout),
            layout: self.config.layout,
            pages: self.config.frozen.then(|| Mutex::new(vec![None; self.fleet.site().trays()])),
            moment: rx,
        });
        let speed = if self.config.speed.is_finite() { self.config.speed.clamp(0.01, 1000.0) } else { 1.0 };
        let mut timer = tokio::time::interval(Duration::from_secs_f64(1.0 / speed));
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        timer.tick().await;
        let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let mut connections = JoinSet::new();
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => return,
                _ = timer.tick(), if !self.config.frozen => {
                    self.fleet.step();
                    tx.send_replace(self.fleet.moment());
                }
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                stream = accept(&self.listener, &room) => {
                    connections.spawn(connection(stream, Arc::clone(&shared)));
                }
            }
        }
    }
}

/// Serves `config` on `listener` until `shutdown` is done.
///
/// # Errors
/// Those of [`Server::prepare`].
pub async fn serve(
    listener: TcpListener,
    config: ServeConfig,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    Server::prepare(listener, config)?.run(shutdown).await;
    Ok(())
}

/// What all connections read.
struct Shared {
    site: Arc<Site>,
    reach: Reach,
    layout: Layout,
    /// The pages that have been asked for, where they never change.
    pages: Option<Mutex<Vec<Option<Bytes>>>>,
    moment: watch::Receiver<Arc<Moment>>,
}

/// The address under which this machine reaches a socket bound to `address`.
fn reachable(address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port()).to_string()
}

/// Writes a file so that no reader ever sees half of it.
fn write_whole(path: &std::path::Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    std::fs::write(&name, bytes)?;
    std::fs::rename(&name, path)
}

/// The next connection, with its place among [`MAX_CONNECTIONS`].
async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> (TcpStream, tokio::sync::OwnedSemaphorePermit) {
    let permit = Arc::clone(room).acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, permit),
            Err(_) => tokio::time::sleep(REFUSED_PAUSE).await,
        }
    }
}

async fn connection((stream, permit): (TcpStream, tokio::sync::OwnedSemaphorePermit), shared: Arc<Shared>) {
    let local = stream.local_addr().ok().map(|a| a.ip());
    if shared.layout.own_addresses && !local.is_some_and(|ip| ip.is_loopback()) {
        return;
    }
    let here = local.filter(|_| shared.layout.own_addresses).and_then(site::tray_at);
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(answer(&request, &shared, here).await) }
    });
    // An asker that goes away or talks nonsense ends its own connection; nobody else is told.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    drop(permit);
}

/// The answer to `request`, which came to the address of tray `here`.
async fn answer(request: &Request<Incoming>, shared: &Shared, here: Option<usize>) -> Response<Full<Bytes>> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let mut refused = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET\n");
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    let moment = Arc::clone(&shared.moment.borrow());
    match request.uri().path() {
        "/targets.json" => body("application/json", shared.site.targets(&shared.reach)),
        "/truth.json" => body("application/json", moment.truth(&shared.site)),
        path => match here.filter(|_| path == "/metrics").or_else(|| tray_number(path)) {
            Some(tray) if tray < shared.site.trays() => tray_page(tray, &moment, shared).await,
            _ => plain(StatusCode::NOT_FOUND, "not found\n"),
        },
    }
}

/// N of `/tray/N/metrics`; digits alone, and no leading zero.
fn tray_number(path: &str) -> Option<usize> {
    let number = path.strip_prefix("/tray/")?.strip_suffix("/metrics")?;
    let plain = number.bytes().all(|b| b.is_ascii_digit()) && (number == "0" || !number.starts_with('0'));
    if plain { number.parse().ok() } else { None }
}

async fn tray_page(tray: usize, moment: &Moment, shared: &Shared) -> Response<Full<Bytes>> {
    let hangs = shared.layout.hangs(tray);
    if hangs || moment.is_silent(tray) {
        if hangs || tray % 2 == 1 {
            tokio::time::sleep(STALL).await;
        }
        return plain(StatusCode::SERVICE_UNAVAILABLE, "exporter is silent\n");
    }
    let page = match &shared.pages {
        None => page::render(&shared.site, moment, tray).into(),
        Some(pages) => {
            let known = |p: &Mutex<Vec<Option<Bytes>>>| {
                p.lock().unwrap_or_else(PoisonError::into_inner).get(tray).cloned().flatten()
            };
            known(pages).unwrap_or_else(|| {
                let page = Bytes::from(page::render(&shared.site, moment, tray));
                if let Some(slot) = pages.lock().unwrap_or_else(PoisonError::into_inner).get_mut(tray) {
                    *slot = Some(page.clone());
                }
                page
            })
        }
    };
    let mut response = Response::new(Full::new(page));
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

fn body(kind: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = body("text/plain; charset=utf-8", text.to_owned());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests;
