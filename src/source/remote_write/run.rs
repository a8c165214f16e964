//! The running receiver: takes connections, and hands what came to the engine, in groups.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_rustls::TlsAcceptor;

use super::RemoteWriteConfig;
use super::server::{self, Shared};
use crate::model::entry::{SourceStatus, TargetStatus};
use crate::model::{Entry, Timestamp};
use crate::source::http::tls_server::Renewed;
use crate::source::{Outlet, Stopped};

/// Values are grouped over this time into one batch.
const GROUP: Duration = Duration::from_millis(100);
/// Reports are at least this far apart.
const REPORT: Duration = Duration::from_secs(1);
/// Pause after the system refused a connection (too many open files).
const REFUSED_PAUSE: Duration = Duration::from_millis(100);

/// Receives until the engine stops taking entries.
pub async fn run(config: RemoteWriteConfig, outlet: Outlet) {
    // The only error is that the engine has stopped: then there is nothing left to do.
    let _: Result<(), Stopped> = drive(config, outlet).await;
}

async fn drive(config: RemoteWriteConfig, outlet: Outlet) -> Result<(), Stopped> {
    let interval_ms = config.interval.map(|i| u32::try_from(i.as_millis()).unwrap_or(u32::MAX));
    let shared = Arc::new(Shared::new(config.limits, config.gate, outlet.clock, interval_ms));
    let address = config.listener.local_addr().map_or_else(|e| e.to_string(), |a| a.to_string());
    let mut reporter = Reporter { address, tls: None, due: Instant::now(), told: None };
    let listener = match TcpListener::from_std(config.listener) {
        Ok(listener) => listener,
        Err(e) => {
            let note = Some(format!("cannot listen on {}: {e}", reporter.address));
            return outlet.send(Entry::Source(status(&outlet, &shared, note))).await;
        }
    };
    // Taking connections goes on while the engine keeps this task waiting: it ends with the set.
    let mut server = JoinSet::new();
    let tls = config.tls.map(Arc::new);
    reporter.tls.clone_from(&tls);
    server.spawn(accept_all(listener, tls, Arc::clone(&shared)));
    let mut timer = tokio::time::interval(GROUP);
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        timer.tick().await;
        if let Some(status) = reporter.report(&outlet, &shared) {
            outlet.send(Entry::Source(status)).await?;
        }
        let batch = shared.intake().deliver(outlet.source, outlet.now());
        if let Some(batch) = batch {
            outlet.send(Entry::Batch(batch)).await?;
        } else if outlet.tx.is_closed() {
            return Err(Stopped);
        }
    }
}

async fn accept_all(listener: TcpListener, tls: Option<Arc<Renewed>>, shared: Arc<Shared>) {
    let room = Arc::new(Semaphore::new(shared.limits.connections));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            (stream, peer, permit) = accept(&listener, &room) => {
                let (tls, shared) = (tls.clone(), Arc::clone(&shared));
                connections.spawn(async move {
                    connection(stream, peer, tls, shared).await;
                    drop(permit);
                });
            }
        }
    }
}

/// The next connection, once there is room for it.
async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    loop {
        let Ok(permit) = Arc::clone(room).acquire_owned().await else {
            return std::future::pending().await;
        };
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, permit),
            Err(_) => tokio::time::sleep(REFUSED_PAUSE).await,
        }
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, tls: Option<Arc<Renewed>>, shared: Arc<Shared>) {
    let Some(tls) = tls else { return serve(stream, peer, shared).await };
    let acceptor = TlsAcceptor::from(tls.config(Instant::now()));
    match tokio::time::timeout(shared.limits.timeout, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => serve(stream, peer, shared).await,
        Ok(Err(e)) => shared.no_tls(&format!("{}: {e}", peer.ip())),
        Err(_) => shared.no_tls(&format!("{}: no handshake in time", peer.ip())),
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
    shared: Arc<Shared>,
) {
    let timeout = shared.limits.timeout;
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(server::answer(request, peer, shared).await) }
    });
    // How a connection ends concerns only its sender.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(timeout)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// Tells the engine how the receiver is, when that changes.
struct Reporter {
    address: String,
    tls: Option<Arc<Renewed>>,
    due: Instant,
    told: Option<(Option<String>, u32)>,
}

impl Reporter {
    fn report(&mut self, outlet: &Outlet, shared: &Shared) -> Option<SourceStatus> {
        if Instant::now() < self.due {
            return None;
        }
        self.due = Instant::now() + REPORT;
        let interval_ms = shared.intake().interval_ms();
        shared.senders().look(outlet.now(), interval_ms);
        let status = status(outlet, shared, Some(self.note(shared, outlet.now())));
        let summary = Some((status.note.clone(), status.interval_ms));
        if (status.targets.is_empty() || shared.senders().is_empty()) && summary == self.told {
            return None;
        }
        self.told = summary;
        Some(status)
    }

    fn note(&self, shared: &Shared, now: Timestamp) -> String {
        let (gpus, series) = {
            let intake = shared.intake();
            (intake.gpus(), intake.series())
        };
        let totals = shared.totals();
        let count = totals.unsafe_connections;
        let no_tls = (count > 0)
            .then(|| format!("{count} connections came to no TLS, the last one of {}", totals.unsafe_reason));
        let certificate = self.tls.as_ref().and_then(|t| t.broken());
        let certificate = certificate.map(|why| format!("the old certificate stays: {why}"));
        let safety = [certificate, no_tls].into_iter().flatten();
        if shared.senders().is_empty() {
            let first = format!("listening on {}: nothing received yet", self.address);
            return std::iter::once(first).chain(safety).collect::<Vec<_>>().join("; ");
        }
        let tally = totals.tally;
        let behind = (now.millis() - tally.newest) / 1000;
        let parts = [
            Some(format!("listening on {}: {gpus} GPUs in {series} series", self.address)),
            totals.broken.clone(),
            (tally.newest > 0 && behind >= 120).then(|| format!("the newest value is {behind} s old")),
            (tally.ahead > 0).then(|| format!("{} samples were ahead of this clock", tally.ahead)),
            (tally.no_room > 0).then(|| format!("{} samples of series beyond the limit", tally.no_room)),
            (totals.postponed > 0).then(|| format!("{} requests were asked to come again", totals.postponed)),
            (totals.refused > 0).then(|| format!("{} requests were refused", totals.refused)),
        ];
        parts.into_iter().flatten().chain(safety).collect::<Vec<_>>().join("; ")
    }
}

fn status(outlet: &Outlet, shared: &Shared, note: Option<String>) -> SourceStatus {
    let mut senders = shared.senders();
    let mut targets = senders.news();
    if senders.is_empty() {
        // Whoever waits for the first answer of all targets waits for the first sender.
        targets.push((0, TargetStatus { name: "(no sender yet)".to_owned(), ..TargetStatus::default() }));
    }
    SourceStatus {
        source: outlet.source,
        name: "remote write".to_owned(),
        time: outlet.now(),
        interval_ms: shared.intake().interval_ms(),
        note,
        targets,
        target_count: senders.len().max(1) as u32,
    }
}
