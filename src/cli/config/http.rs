//! The tables below a `[[source]]` that say how HTTP is spoken, in the words of Prometheus'
//! `http_config`: `[source.authorization]`, `[source.basic_auth]`, `[source.tls_config]`,
//! `[source.headers]`, and the key `bearer_token_file`; for receivers `[source.tls_server_config]`, in
//! the words of its web configuration.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::PathBuf;

use toml::de::DeTable;

use crate::cli::config::keys::{AUTHORIZATION_KEYS, BASIC_AUTH_KEYS, Key, TLS_KEYS, TLS_SERVER_KEYS};
use crate::model::document::{Document, FileError};
use crate::model::table::{Place, Table};
use crate::model::text;
use crate::source::http::{Auth, HttpConfig, MAX_HEADERS, Secret, TlsConfig, TlsServerConfig, check_header};

/// The names below a `[[source]]` that are read here.
pub const HTTP_NAMES: [&str; 6] =
    ["authorization", "basic_auth", "bearer_token_file", "headers", "tls_config", "tls_server_config"];

const AUTHORIZATION: &str = "[source.authorization]";
const BASIC: &str = "[source.basic_auth]";
const TLS: &str = "[source.tls_config]";
const TLS_SERVER: &str = "[source.tls_server_config]";

/// What the source `table` says of HTTP, and where it says so first; `None`: nothing. `file` finds
/// relative paths.
///
/// # Errors
/// The mistake with its line, what was expected and the nearest valid name.
pub fn read(
    doc: Document<'_>,
    table: &DeTable<'_>,
    file: impl Fn(&str) -> PathBuf,
) -> Result<Option<(HttpConfig, Range<usize>)>, FileError> {
    let spans = table.keys().filter(|k| HTTP_NAMES.contains(&k.get_ref().as_ref())).map(|k| k.span());
    let Some(at) = spans.min_by_key(|s| s.start) else { return Ok(None) };
    let source = Table::top(doc, table);
    let mut config = HttpConfig {
        auth: None,
        tls: tls(&source, &file)?,
        headers: headers(&source)?,
        server: tls_server(&source, &file)?,
    };
    let mut logins = Vec::new();
    if let Some(t) = source.table("authorization", AUTHORIZATION)? {
        logins.push(authorization(&t, &file)?);
    }
    if let Some(t) = source.table("basic_auth", BASIC)? {
        logins.push(basic(&t, &file)?);
    }
    if let Some(value) = source.get("bearer_token_file") {
        let path = source.text("bearer_token_file", value)?;
        logins.push(Auth::Authorization { kind: "Bearer".to_owned(), credentials: Secret::file(file(path)) });
    }
    if logins.len() > 1 {
        let m = "only one of `authorization`, `basic_auth` and `bearer_token_file` may be given";
        return Err(doc.error(at, m));
    }
    config.auth = logins.pop();
    Ok(Some((config, at)))
}

type Tab<'a, 't, 'i> = Table<'a, 't, 'i>;

fn only(table: &Tab<'_, '_, '_>, keys: &[Key]) -> Result<(), FileError> {
    table.only(&keys.iter().map(|k| k.name).collect::<Vec<_>>())
}

/// The secret under `name`, or in the file under `name_file`; not both.
fn secret(
    table: &Tab<'_, '_, '_>,
    (name, name_file): (&str, &str),
    file: &impl Fn(&str) -> PathBuf,
) -> Result<Option<Secret>, FileError> {
    match (table.get(name), table.get(name_file)) {
        (Some(_), Some(value)) => {
            Err(table.wrong(name_file, value, format!("only one of `{name}` and `{name_file}` may be given")))
        }
        (Some(value), None) => {
            let text = table.text(name, value)?;
            if text.is_empty() || text.contains(char::is_control) {
                return Err(table.wrong(name, value, "expected one line of text"));
            }
            Ok(Some(Secret::text(text)))
        }
        (None, Some(value)) => Ok(Some(Secret::file(file(table.text(name_file, value)?)))),
        (None, None) => Ok(None),
    }
}

fn authorization(table: &Tab<'_, '_, '_>, file: &impl Fn(&str) -> PathBuf) -> Result<Auth, FileError> {
    only(table, AUTHORIZATION_KEYS)?;
    let kind = match table.get("type") {
        None => "Bearer".to_owned(),
        Some(value) => scheme(table, value)?,
    };
    let credentials = secret(table, ("credentials", "credentials_file"), file)?
        .ok_or_else(|| table.error("has no `credentials` and no `credentials_file`"))?;
    Ok(Auth::Authorization { kind, credentials })
}

fn scheme(table: &Tab<'_, '_, '_>, value: Place<'_, '_>) -> Result<String, FileError> {
    let found = value.get_ref().as_str().unwrap_or_default();
    if found.eq_ignore_ascii_case("basic") {
        return Err(table.wrong("type", value, "for basic authentication use [source.basic_auth]"));
    }
    if found.is_empty() || !found.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Err(table.wrong("type", value, "expected one word such as \"Bearer\""));
    }
    Ok(found.to_owned())
}

fn basic(table: &Tab<'_, '_, '_>, file: &impl Fn(&str) -> PathBuf) -> Result<Auth, FileError> {
    only(table, BASIC_AUTH_KEYS)?;
    let value = table.need("username", "a text")?;
    let username = table.text("username", value)?;
    if username.contains(':') || username.contains(char::is_control) {
        return Err(table.wrong("username", value, "expected a name without a colon"));
    }
    let password = secret(table, ("password", "password_file"), file)?;
    Ok(Auth::Basic { username: username.to_owned(), password: password.unwrap_or_else(|| Secret::text("")) })
}

fn tls(source: &Tab<'_, '_, '_>, file: &impl Fn(&str) -> PathBuf) -> Result<TlsConfig, FileError> {
    let Some(table) = source.table("tls_config", TLS)? else { return Ok(TlsConfig::default()) };
    only(&table, TLS_KEYS)?;
    let path = |name: &str| match table.get(name) {
        None => Ok(None),
        Some(value) => table.text(name, value).map(|p| Some(file(p))),
    };
    let mut out = TlsConfig {
        ca_file: path("ca_file")?,
        cert_file: path("cert_file")?,
        key_file: path("key_file")?,
        ..TlsConfig::default()
    };
    for (has, lacks) in [("cert_file", "key_file"), ("key_file", "cert_file")] {
        if let (Some(value), None) = (table.get(has), table.get(lacks)) {
            return Err(table.wrong(has, value, format!("needs `{lacks}`, too")));
        }
    }
    if let Some(value) = table.get("server_name") {
        out.server_name = Some(table.text("server_name", value)?.to_owned());
        if out.name().is_none() {
            return Err(table.wrong("server_name", value, "expected a host name"));
        }
    }
    if let Some(value) = table.get("insecure_skip_verify") {
        out.insecure_skip_verify = table.flag("insecure_skip_verify", value)?;
    }
    Ok(out)
}

fn tls_server(
    source: &Tab<'_, '_, '_>,
    file: &impl Fn(&str) -> PathBuf,
) -> Result<Option<TlsServerConfig>, FileError> {
    let Some(table) = source.table("tls_server_config", TLS_SERVER)? else { return Ok(None) };
    only(&table, TLS_SERVER_KEYS)?;
    let needed = |name: &'static str| {
        let value = table.need(name, "a file (PEM)")?;
        table.text(name, value).map(file)
    };
    let client_ca = table.get("client_ca_file").map(|value| table.text("client_ca_file", value).map(file));
    Ok(Some(TlsServerConfig {
        cert_file: needed("cert_file")?,
        key_file: needed("key_file")?,
        client_ca_file: client_ca.transpose()?,
    }))
}

fn headers(source: &Tab<'_, '_, '_>) -> Result<Vec<(String, Secret)>, FileError> {
    let Some(table) = source.table("headers", "[source.headers]")? else { return Ok(Vec::new()) };
    let names = table.names();
    if names.len() > MAX_HEADERS {
        return Err(table.error(format!("has {} headers, at most {MAX_HEADERS}", names.len())));
    }
    let header = |name: &str| {
        let Some(value) = table.get(name) else { return Ok((name.to_owned(), Secret::text(""))) };
        check_header(name).map_err(|e| source.doc.error(value.span(), e.to_string()))?;
        let text = table.text(&text::clean(name), value)?;
        if text.contains(char::is_control) {
            return Err(table.wrong(name, value, "expected one line of text"));
        }
        Ok((name.to_owned(), Secret::text(text)))
    };
    names.into_iter().map(header).collect()
}

/// The settings in effect as they stand in a file. Of secrets only the file shows.
#[must_use]
pub fn toml(config: &HttpConfig) -> String {
    let mut out = String::new();
    let quote = |s: &str| toml::Value::String(s.to_owned()).to_string();
    let hidden = |out: &mut String, name: &str, secret: &Secret| {
        let _ = match secret.path() {
            Some(path) => writeln!(out, "{name}_file = {}", quote(&path.to_string_lossy())),
            None => writeln!(out, "{name} = \"<secret>\""),
        };
    };
    match &config.auth {
        Some(Auth::Authorization { kind, credentials }) => {
            let _ = writeln!(out, "{AUTHORIZATION}\ntype = {}", quote(kind));
            hidden(&mut out, "credentials", credentials);
        }
        Some(Auth::Basic { username, password }) => {
            let _ = writeln!(out, "{BASIC}\nusername = {}", quote(username));
            hidden(&mut out, "password", password);
        }
        None => {}
    }
    let tls = &config.tls;
    if !tls.is_default() {
        let _ = writeln!(out, "{TLS}");
        let files = [("ca_file", &tls.ca_file), ("cert_file", &tls.cert_file), ("key_file", &tls.key_file)];
        for (name, path) in files.into_iter().filter_map(|(n, p)| Some((n, p.as_ref()?))) {
            let _ = writeln!(out, "{name} = {}", quote(&path.to_string_lossy()));
        }
        if let Some(name) = &tls.server_name {
            let _ = writeln!(out, "server_name = {}", quote(name));
        }
        let _ = writeln!(out, "insecure_skip_verify = {}", tls.insecure_skip_verify);
    }
    if let Some(server) = &config.server {
        let files = [
            ("cert_file", Some(&server.cert_file)),
            ("key_file", Some(&server.key_file)),
            ("client_ca_file", server.client_ca_file.as_ref()),
        ];
        let _ = writeln!(out, "{TLS_SERVER}");
        for (name, path) in files.into_iter().filter_map(|(n, p)| Some((n, p?))) {
            let _ = writeln!(out, "{name} = {}", quote(&path.to_string_lossy()));
        }
    }
    if !config.headers.is_empty() {
        out.push_str("[source.headers]\n");
        for (name, _) in &config.headers {
            let _ = writeln!(out, "{} = \"<secret>\"", quote(name));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Option<(HttpConfig, Range<usize>)>, String> {
        let table = DeTable::parse(text).expect("TOML");
        let doc = Document::new(text, "c.toml");
        read(doc, table.get_ref(), |p| PathBuf::from("/etc").join(p)).map_err(|e| e.to_string())
    }

    fn config(text: &str) -> HttpConfig {
        parse(text).unwrap_or_else(|e| panic!("{e}")).expect("something is set").0
    }

    #[test]
    fn the_tables_of_prometheus_are_read() {
        let c = config(
            "[basic_auth]\nusername = \"kari\"\npassword_file = \"pw\"\n[tls_config]\nca_file = \"ca.pem\"\n\
             server_name = \"exporters.site\"\ninsecure_skip_verify = false\n[headers]\nX-Scope-OrgID = \"site-7\"\n",
        );
        let password = Secret::file("/etc/pw");
        assert_eq!(c.auth, Some(Auth::Basic { username: "kari".into(), password }));
        assert_eq!(c.tls.ca_file, Some("/etc/ca.pem".into()));
        assert_eq!(c.headers, [("X-Scope-OrgID".to_owned(), Secret::text("site-7"))]);
        let c = config("bearer_token_file = \"/run/token\"\n");
        let same = config("[authorization]\ncredentials_file = \"/run/token\"\n");
        assert_eq!(c, same);
        assert_eq!(parse("kind = \"scrape\"\n"), Ok(None));
    }

    #[test]
    fn the_certificate_of_a_receiver_is_read_and_printed() {
        let text =
            "[tls_server_config]\ncert_file = \"a.pem\"\nkey_file = \"a.key\"\nclient_ca_file = \"/ca\"\n";
        let c = config(text);
        let printed = "[source.tls_server_config]\ncert_file = \"/etc/a.pem\"\nkey_file = \"/etc/a.key\"\nclient_ca_file = \"/ca\"\n";
        assert_eq!(toml(&c), printed);
        assert!(c.tls.is_default() && !c.is_default());
    }

    #[test]
    fn mistakes_are_told_with_line_and_nearest_name() {
        for (text, expected) in [
            ("[basic_auth]\nusrname = \"a\"\n", "c.toml:2: unknown key `usrname`: did you mean `username`?"),
            (
                "[basic_auth]\npassword = \"a\"\n",
                "c.toml:1: [source.basic_auth] has no `username`: expected a text",
            ),
            ("[tls_config]\ncert_file = \"a\"\n", "c.toml:2: `cert_file`: needs `key_file`, too"),
            (
                "[tls_server_config]\ncert_file = \"a\"\n",
                "c.toml:1: [source.tls_server_config] has no `key_file`: expected a file (PEM)",
            ),
            ("[tls_config]\nserver_name = \"a b\"\n", "c.toml:2: `server_name`: expected a host name"),
            (
                "[authorization]\ntype = \"Basic\"\n",
                "c.toml:2: `type`: for basic authentication use [source.basic_auth]",
            ),
            ("[headers]\nHost = \"a\"\n", "c.toml:2: header Host: this header is set by the protocol"),
            ("headers = 5\n", "c.toml:1: `headers`: expected the table [source.headers]"),
        ] {
            assert_eq!(parse(text).expect_err(text), expected);
        }
        let both = "bearer_token_file = \"a\"\n[basic_auth]\nusername = \"a\"\n";
        assert!(parse(both).expect_err("two logins").contains("only one of"));
    }

    #[test]
    fn what_is_printed_shows_no_secret() {
        let text = "[authorization]\ncredentials = \"geheim\"\n[headers]\nX-Key = \"geheim\"\n";
        let shown = toml(&config(text));
        assert!(!shown.contains("geheim") && shown.contains("<secret>"), "{shown}");
        let text =
            "[basic_auth]\nusername = \"u\"\npassword_file = \"/pw\"\n[tls_config]\nca_file = \"/ca\"\n";
        assert_eq!(
            toml(&config(text)),
            "[source.basic_auth]\nusername = \"u\"\npassword_file = \"/pw\"\n[source.tls_config]\nca_file = \"/ca\"\n\
             insecure_skip_verify = false\n"
        );
    }
}
