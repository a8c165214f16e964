//! Who may write: compared without telling by its time how much of a password was right.

use blake3::Hash;

/// What a request must carry.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Gate(Option<Wanted>);

#[derive(Clone, PartialEq, Eq)]
struct Wanted {
    /// Of the whole header `Authorization`, with its scheme in lower case.
    header: Hash,
    /// Told to those who do not carry it.
    challenge: &'static str,
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "Gate(closed)" } else { "Gate(open)" })
    }
}

impl Gate {
    /// Only requests with this header `Authorization` pass.
    #[must_use]
    pub fn of_header(value: &[u8]) -> Self {
        let challenge = if scheme_is(value, b"basic ") { "Basic realm=\"hallwatch\"" } else { "Bearer" };
        Self(Some(Wanted { header: hash(value), challenge }))
    }

    /// True when everybody may write.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.0.is_none()
    }

    /// Looks at the header of a request.
    ///
    /// # Errors
    /// It may not pass: what to answer as `WWW-Authenticate`.
    pub fn check(&self, header: Option<&[u8]>) -> Result<(), &'static str> {
        match (&self.0, header) {
            (None, _) => Ok(()),
            // Hashes are compared in constant time.
            (Some(wanted), Some(header)) if hash(header) == wanted.header => Ok(()),
            (Some(wanted), _) => Err(wanted.challenge),
        }
    }
}

fn scheme_is(value: &[u8], scheme: &[u8]) -> bool {
    value.get(..scheme.len()).is_some_and(|s| s.eq_ignore_ascii_case(scheme))
}

/// The hash of a header; the scheme is the same in every case.
fn hash(value: &[u8]) -> Hash {
    let end = value.iter().position(|b| *b == b' ').unwrap_or(0);
    let mut hasher = blake3::Hasher::new();
    hasher.update(&value[..end].to_ascii_lowercase());
    hasher.update(&value[end..]);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_gate_lets_everybody_pass() {
        assert!(Gate::default().is_open());
        assert_eq!(Gate::default().check(None), Ok(()));
    }

    #[test]
    fn only_the_right_credentials_pass() {
        let gate = Gate::of_header(b"Bearer s3cret");
        assert_eq!(gate.check(Some(b"Bearer s3cret")), Ok(()));
        assert_eq!(gate.check(Some(b"bearer s3cret")), Ok(()), "schemes have no case");
        for wrong in [None, Some(&b""[..]), Some(b"Bearer S3CRET"), Some(b"Bearer s3cret "), Some(b"s3cret")]
        {
            assert_eq!(gate.check(wrong), Err("Bearer"));
        }
        assert!(Gate::of_header(b"Basic YTpi").check(None).is_err_and(|c| c.starts_with("Basic realm")));
    }

    #[test]
    fn secrets_do_not_show() {
        assert_eq!(format!("{:?}", Gate::of_header(b"Bearer s3cret")), "Gate(closed)");
    }
}
