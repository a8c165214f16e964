//! The keys of the tables below a `[[source]]` that say how HTTP is spoken.

use super::{Key, Kind, Section, key};

/// The keys of `[source.authorization]`.
pub const AUTHORIZATION_KEYS: &[Key] = &[
    key("type", Kind::Text, "\"Bearer\"", "", "The scheme, one word."),
    key("credentials", Kind::Text, "", "", "The token."),
    key("credentials_file", Kind::Path, "", "", "The file that holds the token; read again when it changes."),
];

/// The keys of `[source.basic_auth]`.
pub const BASIC_AUTH_KEYS: &[Key] = &[
    key("username", Kind::Text, "", "", "The user."),
    key("password", Kind::Text, "", "", "The password."),
    key("password_file", Kind::Path, "", "", "The file that holds the password; read again when it changes."),
];

/// The keys of `[source.tls_config]`.
pub const TLS_KEYS: &[Key] = &[
    key(
        "ca_file",
        Kind::Path,
        "",
        "",
        "Authorities that are trusted (PEM), in place of those of the machine.",
    ),
    key("cert_file", Kind::Path, "", "", "The certificate that we show (PEM)."),
    key("key_file", Kind::Path, "", "", "Its key (PEM)."),
    key(
        "server_name",
        Kind::Text,
        "",
        "",
        "The name in the other side's certificate, in place of its address.",
    ),
    key(
        "insecure_skip_verify",
        Kind::Flag,
        "false",
        "",
        "Takes any certificate: anybody on the way can read along.",
    ),
];

/// The keys of `[source.tls_server_config]`.
pub const TLS_SERVER_KEYS: &[Key] = &[
    key("cert_file", Kind::Path, "", "", "The certificate that is shown to who connects (PEM)."),
    key("key_file", Kind::Path, "", "", "Its key (PEM)."),
    key(
        "client_ca_file",
        Kind::Path,
        "",
        "",
        "Only clients with a certificate of these authorities (PEM) may connect.",
    ),
];

/// Their place in docs/config.md.
pub(super) const AUTHORIZATION: Section = Section {
    header: "[source.authorization]",
    doc: "How an HTTP source logs in. `bearer_token_file = \"FILE\"` in the `[[source]]` is short for this with a file.",
    keys: AUTHORIZATION_KEYS,
    example: "[[source]]\nkind = \"scrape\"\ntargets = [\"targets.json\"]\n[source.authorization]\ncredentials_file = \"/etc/hallwatch/token\"\n",
};
pub(super) const BASIC_AUTH: Section = Section {
    header: "[source.basic_auth]",
    doc: "User and password of an HTTP source, in place of `authorization`.",
    keys: BASIC_AUTH_KEYS,
    example: "[[source]]\nkind = \"scrape\"\ntargets = [\"targets.json\"]\n[source.basic_auth]\nusername = \"hallwatch\"\npassword_file = \"password\"\n",
};
pub(super) const TLS: Section = Section {
    header: "[source.tls_config]",
    doc: "Certificates of an HTTP source.",
    keys: TLS_KEYS,
    example: "[[source]]\nkind = \"scrape\"\ntargets = [\"https://node7:9400\"]\n[source.tls_config]\nca_file = \"site-ca.pem\"\ncert_file = \"me.pem\"\nkey_file = \"me.key\"\n",
};
pub(super) const TLS_SERVER: Section = Section {
    header: "[source.tls_server_config]",
    doc: "The certificate of a receiver (`remote_write`): it speaks HTTPS then, and nothing else. Files that change are read again.",
    keys: TLS_SERVER_KEYS,
    example: "[[source]]\nkind = \"remote_write\"\nlisten = \"0.0.0.0:9201\"\n[source.tls_server_config]\ncert_file = \"console.pem\"\nkey_file = \"console.key\"\n",
};
pub(super) const HEADERS: Section = Section {
    header: "[source.headers]",
    doc: "Further headers of each request of an HTTP source: name = value, at most 32.",
    keys: &[],
    example: "[[source]]\nkind = \"scrape\"\ntargets = [\"targets.json\"]\n[source.headers]\nX-Scope-OrgID = \"site-7\"\n",
};
