//! What a source of kind `scrape` is told beside its targets.

use crate::source::http::HttpConfig;

/// Settings of one scraping source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScrapeOptions {
    /// Login, certificates and headers.
    pub http: HttpConfig,
}
