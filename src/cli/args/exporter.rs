//! Arguments of the exporter.

use std::net::SocketAddr;

/// Options of `exporter`.
#[derive(clap::Args, Clone, Debug)]
pub struct ExporterArgs {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9400")]
    pub listen: SocketAddr,
    /// Where NVIDIA's management library is [default: where the system looks for it]
    #[arg(long, value_name = "FILE")]
    pub nvml: Option<String>,
}
