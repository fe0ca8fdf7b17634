//! Addresses among the arguments.

/// `HOST:PORT`, unchanged: a name or an IPv4 address, or an IPv6 one in brackets.
///
/// # Errors
/// What is wrong, in words.
pub fn parse_address(text: &str) -> Result<String, String> {
    match split(text) {
        Some((host, _)) if !host.is_empty() => Ok(text.to_owned()),
        _ => Err("write HOST:PORT, such as 127.0.0.1:9092 or [::1]:9092".to_owned()),
    }
}

/// `HOST:PORT` to listen on, unchanged; the host may be empty.
///
/// # Errors
/// What is wrong, in words.
pub fn parse_listen_address(text: &str) -> Result<String, String> {
    match split(text) {
        Some(_) => Ok(text.to_owned()),
        None => {
            Err("write HOST:PORT, such as 0.0.0.0:9092, or :PORT for all interfaces".to_owned())
        }
    }
}

fn split(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let is_bracketed = host.starts_with('[') && host.ends_with(']');
    let is_host = is_bracketed || !host.contains([':', '/', ',', ' ', '[', ']']);
    Some((host, port.parse().ok()?)).filter(|_| is_host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_host_and_a_port() {
        for text in ["localhost:9092", "10.0.0.7:1", "[::1]:9092"] {
            assert_eq!(parse_address(text).as_deref(), Ok(text));
        }
        for text in ["", "foo", "foo:", "foo:x", "foo:65536", "::1:9092", ":9092", "a://b:1"] {
            assert!(
                parse_address(text).is_err_and(|reason| reason.contains("HOST:PORT")),
                "{text}"
            );
        }
        assert!(parse_listen_address(":9092").is_ok() && parse_listen_address("foo").is_err());
    }
}
