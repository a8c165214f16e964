//! Who may write: the credentials of `http_config`, seen from the other side.

use crate::source::http::{Auth, HttpConfig};

/// What a request must carry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gate(HttpConfig);

/// Why a request may not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closed {
    /// It does not carry the credentials: what to answer as `WWW-Authenticate`.
    Wrong(&'static str),
    /// Nobody can be let in now: the file of the secret cannot be used, for this reason.
    Broken(String),
}

impl Gate {
    /// Only requests with the credentials of `http` pass; everybody does where it has none.
    #[must_use]
    pub const fn new(http: HttpConfig) -> Self {
        Self(http)
    }

    /// Looks at the header `Authorization` of a request. Looks at the file of the secret.
    ///
    /// # Errors
    /// It may not pass.
    pub fn check(&self, header: Option<&[u8]>) -> Result<(), Closed> {
        match self.0.admits(header) {
            Ok(true) => Ok(()),
            Ok(false) if matches!(self.0.auth, Some(Auth::Basic { .. })) => {
                Err(Closed::Wrong("Basic realm=\"hallwatch\""))
            }
            Ok(false) => Err(Closed::Wrong("Bearer")),
            Err(e) => Err(Closed::Broken(e.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::http::Secret;

    fn gate(auth: Auth) -> Gate {
        Gate::new(HttpConfig { auth: Some(auth), ..HttpConfig::default() })
    }

    #[test]
    fn an_open_gate_lets_everybody_pass() {
        assert_eq!(Gate::default().check(None), Ok(()));
    }

    #[test]
    fn only_the_right_credentials_pass() {
        let bearer =
            gate(Auth::Authorization { kind: "Bearer".to_owned(), credentials: Secret::text("s3cret") });
        assert_eq!(bearer.check(Some(b"Bearer s3cret")), Ok(()));
        for wrong in [None, Some(&b""[..]), Some(b"Bearer S3CRET"), Some(b"s3cret")] {
            assert_eq!(bearer.check(wrong), Err(Closed::Wrong("Bearer")));
        }
        let basic = gate(Auth::Basic { username: "a".to_owned(), password: Secret::text("b") });
        assert_eq!(basic.check(Some(b"Basic YTpi")), Ok(()));
        assert_eq!(basic.check(None), Err(Closed::Wrong("Basic realm=\"hallwatch\"")));
    }

    #[test]
    fn while_the_secret_cannot_be_read_nobody_passes() {
        let gate = gate(Auth::Authorization {
            kind: "Bearer".to_owned(),
            credentials: Secret::file("/absent/token"),
        });
        let Err(Closed::Broken(why)) = gate.check(Some(b"Bearer x")) else { panic!("nobody may pass") };
        assert!(why.contains("/absent/token"), "{why}");
    }
}
