//! `exporter`: this machine and its GPUs as an exporter.

use std::io::Write;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::CliError;
use crate::cli::args::exporter::ExporterArgs;
use crate::cli::{runtime, start};
use crate::model::text;
use crate::source::exporter::{self, probe::Probe};

/// Serves until interrupted; prints the address of the page. That there are no GPUs is said once,
/// on standard error.
///
/// # Errors
/// An address that is taken or not of this machine; the output cannot be written.
pub fn run(args: &ExporterArgs, out: &mut dyn Write) -> Result<(), CliError> {
    runtime::start()?.block_on(serve(args, out))
}

async fn serve(args: &ExporterArgs, out: &mut dyn Write) -> Result<(), CliError> {
    let fail =
        |e: std::io::Error| CliError::Failed(format!("cannot listen on {} (--listen): {e}", args.listen));
    let listener = TcpListener::bind(args.listen).await.map_err(fail)?;
    let address = listener.local_addr().map_err(fail)?;
    let handler = |source| CliError::Start { what: "the handler of signals", source };
    let (mut interrupt, mut terminate) = (
        signal(SignalKind::interrupt()).map_err(handler)?,
        signal(SignalKind::terminate()).map_err(handler)?,
    );
    let tell = Box::new(|what: &str| {
        // Nobody has to read it.
        let _ = writeln!(std::io::stderr(), "hallwatch: {}", text::clean(what));
    });
    let mut probe = Probe::new(args.nvml.clone(), start::wall_clock, tell);
    writeln!(out, "http://{address}/metrics")?;
    out.flush()?;
    let shutdown = async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    exporter::serve(listener, Box::new(move || probe.page()), shutdown).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_taken_is_named() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let args = ExporterArgs { listen: taken.local_addr().expect("bound"), nvml: None };
        let e = run(&args, &mut Vec::new()).expect_err("it is taken").report();
        assert!(e.contains(&args.listen.to_string()) && e.contains("--listen"), "{e}");
    }
}
