//! Arguments of `snapshot`, and the names of the views that it shows.

use std::time::Duration;

use clap::ValueEnum;

use crate::cli::CliError;
use crate::cli::args::Options;
use crate::cli::units::{self, PictureSize};
use crate::model::{Asset, Topology};
use crate::ui::action::ViewKind;
use crate::ui::layer::Layer;

/// Options of `snapshot`.
#[derive(clap::Args, Clone, Debug)]
pub struct SnapshotArgs {
    /// What to show: site, hall:H3, rack:H3-R17-K5, gpu:H3-R17-K5-T09-G2, power or power:H3-R17,
    /// cooling or cooling:H3-R17, grid, jobs, alarms or sources
    #[arg(long, value_name = "VIEW", default_value = "site")]
    pub view: SnapshotView,
    /// Metric to colour by, or a value of racks such as rack_flow
    #[arg(long, value_name = "NAME", default_value = "util", value_parser = Layer::parse)]
    pub metric: Layer,
    /// Columns and rows of the picture
    #[arg(long, value_name = "WxH", default_value = "200x60")]
    pub size: PictureSize,
    /// Kind of output
    #[arg(long, value_name = "KIND", default_value = "text")]
    pub format: Format,
    /// Simulated seconds to run first, in fast time, from a fixed start time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub ticks: Option<u32>,
    /// Longest time to wait for live sources
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = units::timeout)]
    pub wait: Duration,
    /// Sources and display.
    #[command(flatten)]
    pub options: Options,
}

/// What a snapshot is written as.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Characters alone
    Text,
    /// Characters with colours for a terminal
    Ansi,
    /// A picture for documents
    Svg,
    /// Figures for programs
    Json,
}

/// What a snapshot shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SnapshotView {
    /// The site.
    Site,
    /// The list of sources.
    Sources,
    /// Jobs and tenants.
    Jobs,
    /// Alarms.
    Alarms,
    /// Power, of the whole or opened at a hall, row or rack of this name.
    Power(Option<String>),
    /// Cooling, of the row of this name.
    Cooling(Option<String>),
    /// The grid.
    Grid,
    /// The hall of this name.
    Hall(String),
    /// The rack of this name.
    Rack(String),
    /// The GPU of this name.
    Gpu(String),
}

impl std::str::FromStr for SnapshotView {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        use SnapshotView::{Alarms, Cooling, Grid, Jobs, Power, Site, Sources};
        let plain = [Site, Sources, Jobs, Alarms, Grid, Power(None), Cooling(None)];
        if let Some(view) = plain.into_iter().find(|v| v.kind().name() == text) {
            return Ok(view);
        }
        match text.split_once(':') {
            Some(("power", name)) => Ok(Power(Some(name.to_owned()))),
            Some(("cooling", name)) => Ok(Cooling(Some(name.to_owned()))),
            Some(("hall", name)) => Ok(Self::Hall(name.to_owned())),
            Some(("rack", name)) => Ok(Self::Rack(name.to_owned())),
            Some(("gpu", name)) => Ok(Self::Gpu(name.to_owned())),
            _ => Err(String::from(
                "expected site, sources, power, cooling, grid, jobs, alarms, hall:NAME, rack:NAME, gpu:NAME, \
                 power:NAME or cooling:NAME",
            )),
        }
    }
}

impl SnapshotView {
    /// The view it is a picture of.
    #[must_use]
    pub const fn kind(&self) -> ViewKind {
        match self {
            Self::Site => ViewKind::Site,
            Self::Sources => ViewKind::Sources,
            Self::Jobs => ViewKind::Jobs,
            Self::Alarms => ViewKind::Alarms,
            Self::Power(_) => ViewKind::Power,
            Self::Cooling(_) => ViewKind::Cooling,
            Self::Grid => ViewKind::Grid,
            Self::Hall(_) => ViewKind::Hall,
            Self::Rack(_) => ViewKind::Rack,
            Self::Gpu(_) => ViewKind::Gpu,
        }
    }

    /// The asset it shows on `topology`; the site for views that name none.
    ///
    /// # Errors
    /// A name that does not exist, with the nearest one, or one of another kind of asset.
    pub fn asset(&self, topology: &Topology) -> Result<Asset, CliError> {
        let (name, kind) = match self {
            Self::Site
            | Self::Sources
            | Self::Jobs
            | Self::Alarms
            | Self::Grid
            | Self::Power(None)
            | Self::Cooling(None) => {
                return Ok(Asset::Site);
            }
            Self::Power(Some(name)) | Self::Cooling(Some(name)) => (name, "hall, row or rack"),
            Self::Hall(name) => (name, "hall"),
            Self::Rack(name) => (name, "rack"),
            Self::Gpu(name) => (name, "GPU"),
        };
        let asset = topology.find(name).map_err(|e| CliError::Usage(format!("--view: {e}")))?;
        match (self, asset) {
            (Self::Hall(_), Asset::Hall(_))
            | (Self::Rack(_), Asset::Rack(_))
            | (Self::Gpu(_), Asset::Gpu(_))
            | (Self::Power(_) | Self::Cooling(_), Asset::Hall(_) | Asset::Row(_) | Asset::Rack(_)) => {
                Ok(asset)
            }
            _ => Err(CliError::Usage(format!("--view: `{}` is no {kind}", topology.name(asset)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{Args, Command};
    use crate::model::Metric;
    use clap::Parser;

    fn parse(line: &str) -> Result<Args, clap::Error> {
        Args::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn snapshot_has_the_documented_defaults() {
        let Some(Command::Snapshot(s)) = parse("hallwatch snapshot").expect("valid").command else {
            panic!("`snapshot` is a command")
        };
        assert_eq!(
            (s.view, s.metric, s.format),
            (SnapshotView::Site, Layer::Gpu(Metric::Util), Format::Text)
        );
        assert_eq!((s.size.to_string().as_str(), s.wait.as_secs()), ("200x60", 30));
    }

    #[test]
    fn a_view_must_name_an_asset_of_its_kind() {
        let t = Topology::default_site();
        let asset = |v: &str| v.parse::<SnapshotView>().expect("well formed").asset(&t);
        assert!(matches!(asset("hall:H3"), Ok(Asset::Hall(_))));
        assert!(matches!(asset("gpu:KVD-H3-R17-K5-T09-G2"), Ok(Asset::Gpu(_))));
        assert!(matches!(asset("power:H3-R17"), Ok(Asset::Row(_))));
        assert!(matches!((asset("cooling"), asset("grid")), (Ok(Asset::Site), Ok(Asset::Site))));
        assert!(asset("power:H3-R17-K5-T09").is_err(), "a tray has no power of its own");
        let e = asset("rack:H3").expect_err("a hall is no rack");
        assert_eq!((e.report().as_str(), e.exit_code()), ("--view: `H3` is no rack", 2));
        assert!(asset("hall:H33").expect_err("8 halls").report().contains("did you mean"));
    }
}
