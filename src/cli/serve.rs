//! `sim serve`: the simulated trays as exporter endpoints.

use std::io::Write;
use std::sync::Arc;

use tokio::net::TcpListener;

use crate::cli::CliError;
use crate::cli::args::ServeArgs;
use crate::cli::scenario::{self, Script};
use crate::cli::{files, runtime};
use crate::model::Topology;
use crate::source::serve::site::Layout;
use crate::source::serve::{ServeConfig, Server};

/// Serves until interrupted; prints the base URL, the path of the target list, and `ready`.
///
/// # Errors
/// A topology that cannot be used, an address that is taken, a target list that cannot be written.
pub fn run(args: &ServeArgs, out: &mut dyn Write) -> Result<(), CliError> {
    let topology = match &args.topology {
        Some(path) => {
            let text = files::read(path, files::MAX_CONFIG)?;
            Topology::from_toml(&text, &path.to_string_lossy())?
        }
        None => Topology::default_site(),
    };
    let mut script = args.scenario.clone().map(Script::new);
    if let Some(script) = &mut script {
        script.at = args.at;
        script.load()?;
    }
    let plan = scenario::plan(args.seed, script.as_ref());
    let default_list = || std::env::temp_dir().join(format!("hallwatch-targets-{}.json", std::process::id()));
    let config = ServeConfig {
        topology: Arc::new(topology),
        plan,
        trays: args.trays,
        ticks: args.frozen.unwrap_or(1).into(),
        frozen: args.frozen.is_some(),
        speed: args.speed,
        targets_file: Some(args.targets_file.clone().unwrap_or_else(default_list)),
        layout: Layout { own_addresses: args.own_addresses, hanging: args.hang },
    };
    runtime::start()?.block_on(serve(args, config, out))
}

async fn serve(args: &ServeArgs, config: ServeConfig, out: &mut dyn Write) -> Result<(), CliError> {
    let mut address = args.listen;
    if args.own_addresses {
        address.set_ip(std::net::Ipv4Addr::UNSPECIFIED.into());
    }
    let listener = TcpListener::bind(address)
        .await
        .map_err(|source| CliError::Start { what: "listening on the address of --listen", source })?;
    let server = Server::prepare(listener, config).map_err(|e| CliError::Failed(e.to_string()))?;
    for line in server.announce() {
        writeln!(out, "{line}")?;
    }
    out.flush()?;
    let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .map_err(|source| CliError::Start { what: "the handler of signals", source })?;
    server
        .run(async move {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = term.recv() => {}
            }
        })
        .await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    #[test]
    fn a_topology_that_is_missing_is_named() {
        let line = ["hallwatch", "sim", "serve", "--topology", "/nowhere/site.toml"];
        let args = crate::cli::args::Args::try_parse_from(line).expect("valid");
        let e = crate::cli::run(args, &mut Vec::new()).expect_err("no such file");
        assert!(e.report().contains("/nowhere/site.toml"), "{}", e.report());
    }
}
