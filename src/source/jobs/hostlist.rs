//! Host lists as Slurm writes them: `kvd-h[1-3]-r01-t[01-18],login1`.

/// Most hosts of one list.
pub const MAX_HOSTS: usize = 65_536;
/// Longest name of a host, bytes.
const MAX_NAME: usize = 255;

/// Why a list cannot be expanded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostlistError {
    /// Brackets that do not belong together.
    #[error("`[` without `]` in a host list")]
    Open,
    /// Something else than numbers and ranges in brackets.
    #[error("`{0}` is no range of numbers in a host list: expected one like 01-18")]
    Range(String),
    /// Too many hosts.
    #[error("a host list names more than {MAX_HOSTS} hosts")]
    TooMany,
    /// A name that is too long.
    #[error("a host list has a name longer than {MAX_NAME} characters")]
    TooLong,
}

/// The hosts of `text`, in their order.
///
/// # Errors
/// Brackets or ranges that are none, or too many hosts.
pub fn expand(text: &str) -> Result<Vec<String>, HostlistError> {
    let mut hosts = Vec::new();
    for part in split(text)? {
        let part = part.trim();
        if part.is_empty() {
            continue;
        }
        let made = expand_one(part)?;
        if hosts.len() + made.len() > MAX_HOSTS {
            return Err(HostlistError::TooMany);
        }
        hosts.extend(made);
    }
    Ok(hosts)
}

/// The parts between commas that stand outside of brackets.
fn split(text: &str) -> Result<Vec<&str>, HostlistError> {
    let (mut parts, mut start, mut inside) = (Vec::new(), 0, false);
    for (i, c) in text.char_indices() {
        match c {
            '[' if inside => return Err(HostlistError::Open),
            '[' => inside = true,
            ']' if !inside => return Err(HostlistError::Open),
            ']' => inside = false,
            ',' if !inside => {
                parts.push(&text[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    if inside {
        return Err(HostlistError::Open);
    }
    parts.push(&text[start..]);
    Ok(parts)
}

fn expand_one(part: &str) -> Result<Vec<String>, HostlistError> {
    let mut made = vec![String::new()];
    let mut rest = part;
    while !rest.is_empty() {
        let (plain, more) = rest.split_once('[').unwrap_or((rest, ""));
        made.iter_mut().for_each(|m| m.push_str(plain));
        let Some((ranges, after)) = more.split_once(']') else { break };
        let numbers = numbers(ranges)?;
        if made.len().saturating_mul(numbers.len()) > MAX_HOSTS {
            return Err(HostlistError::TooMany);
        }
        made = made.iter().flat_map(|m| numbers.iter().map(move |n| format!("{m}{n}"))).collect();
        // All are about as long: a look at one keeps the memory in bounds.
        if made.first().is_some_and(|m| m.len() > MAX_NAME) {
            return Err(HostlistError::TooLong);
        }
        rest = after;
    }
    if made.iter().any(|m| m.len() > MAX_NAME) {
        return Err(HostlistError::TooLong);
    }
    Ok(made)
}

/// The numbers of `01-18,20`, each as wide as the first of its range is written.
fn numbers(ranges: &str) -> Result<Vec<String>, HostlistError> {
    let wrong = |range: &str| HostlistError::Range(crate::model::text::clean(range));
    let mut out = Vec::new();
    for range in ranges.split(',').map(str::trim) {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let digits = |t: &str| !t.is_empty() && t.len() <= 9 && t.bytes().all(|b| b.is_ascii_digit());
        if !digits(first) || !digits(last) {
            return Err(wrong(range));
        }
        let (low, high): (u32, u32) =
            (first.parse().map_err(|_| wrong(range))?, last.parse().map_err(|_| wrong(range))?);
        if low > high {
            return Err(wrong(range));
        }
        if (high - low) as usize + out.len() >= MAX_HOSTS {
            return Err(HostlistError::TooMany);
        }
        out.extend((low..=high).map(|n| format!("{n:0width$}", width = first.len())));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn joined(text: &str) -> String {
        expand(text).expect("a host list").join(" ")
    }

    #[test]
    fn lists_are_expanded_as_slurm_does() {
        assert_eq!(joined("n1"), "n1");
        assert_eq!(joined("a[1-3]"), "a1 a2 a3");
        assert_eq!(joined("a[08-11],b"), "a08 a09 a10 a11 b");
        assert_eq!(joined("a[1-2]-t[01,03]x"), "a1-t01x a1-t03x a2-t01x a2-t03x");
        assert_eq!(joined(""), "");
        assert_eq!(expand("kvd-h[1-3]-r01-t[01-18]").expect("a list").len(), 54);
    }

    #[test]
    fn what_is_no_list_is_told() {
        for (text, reason) in [
            ("a[1-2", "`[` without `]` in a host list"),
            ("a]", "`[` without `]` in a host list"),
            ("a[[1]]", "`[` without `]` in a host list"),
            ("a[x-2]", "`x-2` is no range of numbers in a host list: expected one like 01-18"),
            ("a[3-1]", "`3-1` is no range of numbers in a host list: expected one like 01-18"),
            ("a[]", "`` is no range of numbers in a host list: expected one like 01-18"),
            ("a[0-999999999]", "a host list names more than 65536 hosts"),
            ("a[1-300]b[1-300]", "a host list names more than 65536 hosts"),
        ] {
            assert_eq!(expand(text).expect_err(text).to_string(), reason);
        }
        assert_eq!(expand(&"x".repeat(300)), Err(HostlistError::TooLong));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[a-c0-9\\[\\],\\-é]{0,60}") {
            if let Ok(hosts) = expand(&text) {
                prop_assert!(hosts.len() <= MAX_HOSTS);
                prop_assert!(hosts.iter().all(|h| !h.contains(['[', ']', ','])));
            }
        }

        #[test]
        fn a_range_gives_each_number_once_and_in_its_width(low in 0..500_u32, more in 0..200_u32, width in 1..5_usize) {
            let high = low + more;
            let hosts = expand(&format!("n[{low:0width$}-{high:0width$}]")).expect("a range");
            prop_assert_eq!(hosts.len() as u32, more + 1);
            prop_assert_eq!(&hosts[0], &format!("n{low:0width$}"));
            prop_assert_eq!(hosts.last().expect("one"), &format!("n{high:0width$}"));
        }

        #[test]
        fn plain_names_stay_as_they_are(names in proptest::collection::vec("[a-z][a-z0-9-]{0,12}", 1..20)) {
            prop_assert_eq!(expand(&names.join(",")).expect("names"), names);
        }
    }
}
