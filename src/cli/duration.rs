//! Durations among the arguments.

use std::time::Duration;

/// The least wait for an answer that makes sense.
const WAIT_MIN: Duration = Duration::from_millis(1);

/// How long to wait for an answer, as in `30s`: at least a millisecond.
///
/// # Errors
/// What is wrong, in words.
pub fn parse_wait(text: &str) -> Result<Duration, String> {
    parse_at_least(text, WAIT_MIN)
}

/// A duration, as in `500ms` or `1m 30s`, of at least `min`.
///
/// # Errors
/// What is wrong, in words.
pub fn parse_at_least(text: &str, min: Duration) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if duration < min {
        return Err(format!("it must be at least {}", humantime::format_duration(min)));
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_least() {
        assert_eq!(parse_wait("1m 30s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_wait("0s"), Err("it must be at least 1ms".to_owned()));
        assert!(parse_wait("5").is_err_and(|reason| reason.contains("unit")));
    }
}
