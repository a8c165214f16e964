//! Remote write: a Prometheus, a vmagent or a fleet of agents pushes its series here, and the wanted
//! ones become readings with their true times.
//!
//! `server` takes requests, as many as `rate` lets pass, `wire` reads them, `intake` knows what each series means with the help
//! of `who` and `cells` (for nodes `nodes`), `senders` who sends, and `run` hands it all to the engine.

pub mod cells;
pub mod gate;
pub mod intake;
pub mod nodes;
pub mod rate;
mod run;
pub mod senders;
mod server;
#[cfg(test)]
pub mod testing;
pub mod who;
pub mod wire;

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use crate::source::http::HttpConfigError;
use crate::source::http::tls_server::Renewed;

pub use gate::Gate;
pub use run::run;

/// Bounds of what is taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest request body as it is sent, bytes.
    pub body: usize,
    /// Longest request body after decompression, bytes.
    pub decoded: usize,
    /// Bytes of bodies, as they are sent, that are being read or wait to be understood.
    pub in_flight: usize,
    /// Requests of one address per second; a second's worth may come at once.
    pub requests_per_sender: u32,
    /// Requests in all per second; a second's worth may come at once.
    pub requests: u32,
    /// Connections that are held at a time; more wait in the listener's queue.
    pub connections: usize,
    /// How long a sender may take for its request line and headers, and for its body.
    pub timeout: Duration,
    /// Values that may wait for the engine; while there are more, senders are asked to come again.
    pub pending: usize,
    /// Series of wanted families that are known at a time.
    pub series: usize,
    /// Bounds of one request.
    pub request: wire::Bounds,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 16 << 20,
            decoded: 32 << 20,
            in_flight: 64 << 20,
            requests_per_sender: 1000,
            requests: 10_000,
            connections: 512,
            timeout: Duration::from_secs(10),
            pending: 2_000_000,
            series: 3_000_000,
            request: wire::Bounds::default(),
        }
    }
}

/// What the receiver needs to run.
#[derive(Debug)]
pub struct RemoteWriteConfig {
    /// The socket, bound and listening.
    pub listener: TcpListener,
    /// Who may write.
    pub gate: Gate,
    /// The certificate that is shown; `None`: plain HTTP.
    pub tls: Option<Renewed>,
    /// Time between two samples of a series; learned from their times where it is not given.
    pub interval: Option<Duration>,
    /// Bounds.
    pub limits: Limits,
}

/// Why nothing can be received.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address is none.
    #[error(
        "`{address}` is not an address to listen on: expected IP:port, such as 0.0.0.0:9201 or [::]:9201"
    )]
    Address {
        /// What was given, clean.
        address: String,
    },
    /// Keys of `http_config` that a receiver has no use for.
    #[error(
        "`tls_config` and `headers` mean nothing to a receiver: its certificate stands in `tls_server_config`"
    )]
    Unused,
    /// Its certificate cannot be used.
    #[error("tls_server_config: {0}")]
    Tls(#[from] HttpConfigError),
    /// The system refused it.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

impl RemoteWriteConfig {
    /// Binds `address`; whoever knows it may write.
    ///
    /// # Errors
    /// It is no address, or it cannot be bound.
    pub fn bind(address: &str) -> Result<Self, ListenError> {
        let address = check_address(address)?;
        let listener = TcpListener::bind(address).map_err(|source| ListenError::Bind { address, source })?;
        listener.set_nonblocking(true).map_err(|source| ListenError::Bind { address, source })?;
        Ok(Self { listener, gate: Gate::default(), tls: None, interval: None, limits: Limits::default() })
    }
}

/// The address to listen on that `text` names: `IP:port`, or `:port` for all addresses of the machine.
///
/// # Errors
/// It is none.
pub fn check_address(text: &str) -> Result<SocketAddr, ListenError> {
    let whole = if text.starts_with(':') { format!("0.0.0.0{text}") } else { text.to_owned() };
    whole.parse().map_err(|_| ListenError::Address { address: crate::model::text::clean(text) })
}

#[cfg(test)]
mod tests;
