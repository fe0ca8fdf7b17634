//! What a configuration's value may be, and the words for one that it may not.

use std::num::{IntErrorKind, ParseIntError};
use thiserror::Error;

/// The type of a value and the values allowed.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// `true` or `false`.
    Boolean,
    /// `false`: Kafka has more, and this broker does not.
    OnlyFalse,
    /// A 32-bit number.
    Int(Range),
    /// A 64-bit number.
    Long(Range),
    /// A fraction from the first to the second bound, both included.
    Double(f64, f64),
    /// Text.
    String(Allowed),
    /// Entries with commas between them.
    List(Allowed),
    /// Text that DescribeConfigs never shows.
    Password,
}

/// The numbers allowed, both bounds included.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    /// The least.
    pub min: i64,
    /// The greatest.
    pub max: i64,
}

/// The texts allowed.
#[derive(Debug, Clone, Copy)]
pub enum Allowed {
    /// All of them.
    Any,
    /// These, in this spelling.
    OneOf(&'static [&'static str]),
    /// Those without a fault: the function says what is wrong, and what would be right.
    Checked(fn(&str) -> Option<String>),
}

/// A value that its key does not take. Reads as Kafka's own message does.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("Invalid value {value} for configuration {name}: {reason}")]
pub struct ConfigFault {
    /// The key.
    pub name: String,
    /// The value refused.
    pub value: String,
    /// Why, and what is allowed.
    pub reason: String,
}

impl Kind {
    /// Checks `value` for the key `name`.
    ///
    /// # Errors
    /// What is wrong with it, in words for the client.
    pub fn check(&self, name: &str, value: &str) -> Result<(), ConfigFault> {
        match self.fault(value) {
            None => Ok(()),
            Some(reason) => {
                Err(ConfigFault { name: name.to_owned(), value: value.to_owned(), reason })
            }
        }
    }

    fn fault(&self, value: &str) -> Option<String> {
        match self {
            Kind::Boolean | Kind::OnlyFalse => match parse_boolean(value) {
                None => Some("Expected value to be either true or false".into()),
                Some(true) if matches!(self, Kind::OnlyFalse) => {
                    Some("Not supported here: the value must be false".into())
                }
                Some(_) => None,
            },
            Kind::Int(range) => match value.trim().parse::<i32>() {
                Ok(number) => range.fault(i64::from(number)),
                Err(error) => Some(number_fault("INT", &error)),
            },
            Kind::Long(range) => match value.trim().parse::<i64>() {
                Ok(number) => range.fault(number),
                Err(error) => Some(number_fault("LONG", &error)),
            },
            Kind::Double(min, max) => match value.trim().parse::<f64>() {
                Ok(number) if number.is_nan() => Some("Not a number of type DOUBLE".into()),
                Ok(number) if number < *min => Some(format!("Value must be at least {min}")),
                Ok(number) if number > *max => Some(format!("Value must be no more than {max}")),
                Ok(_) => None,
                Err(_) => Some("Not a number of type DOUBLE".into()),
            },
            Kind::String(allowed) => allowed.fault(value, "String"),
            Kind::List(allowed) => {
                list_entries(value).find_map(|entry| allowed.fault(entry, "Every entry"))
            }
            Kind::Password => None,
        }
    }

    /// The values allowed, for people; `None` where any text is, or a fault itself says what
    /// would be right.
    pub fn allowed(&self) -> Option<String> {
        match self {
            Kind::Boolean => Some("true or false".into()),
            Kind::OnlyFalse => Some("false".into()),
            Kind::Int(range) | Kind::Long(range) => Some(range.describe()),
            Kind::Double(min, max) => Some(format!("{min} to {max}")),
            Kind::String(Allowed::OneOf(values)) => Some(values.join(" | ")),
            Kind::List(Allowed::OneOf(values)) => Some(format!("a list of {}", values.join(", "))),
            Kind::String(_) | Kind::List(_) | Kind::Password => None,
        }
    }

    /// The name of the type, as Kafka's documentation writes it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Kind::Boolean | Kind::OnlyFalse => "boolean",
            Kind::Int(_) => "int",
            Kind::Long(_) => "long",
            Kind::Double(..) => "double",
            Kind::String(_) => "string",
            Kind::List(_) => "list",
            Kind::Password => "password",
        }
    }

    /// The number of the type in a DescribeConfigs response (KIP-569).
    pub fn type_code(&self) -> i8 {
        match self {
            Kind::Boolean | Kind::OnlyFalse => 1,
            Kind::String(_) => 2,
            Kind::Int(_) => 3,
            Kind::Long(_) => 5,
            Kind::Double(..) => 6,
            Kind::List(_) => 7,
            Kind::Password => 9,
        }
    }
}

impl Range {
    fn fault(self, number: i64) -> Option<String> {
        if number < self.min {
            return Some(format!("Value must be at least {}", self.min));
        }
        (number > self.max).then(|| format!("Value must be no more than {}", self.max))
    }

    fn describe(self) -> String {
        format!("{} to {}", self.min, self.max)
    }
}

impl Allowed {
    fn fault(self, value: &str, subject: &str) -> Option<String> {
        match self {
            Allowed::Any => None,
            Allowed::OneOf(values) if values.contains(&value) => None,
            Allowed::OneOf(values) => {
                Some(format!("{subject} must be one of: {}", values.join(", ")))
            }
            Allowed::Checked(fault) => fault(value),
        }
    }
}

/// Kafka's words, and the reason where the text is a number after all.
fn number_fault(type_name: &str, error: &ParseIntError) -> String {
    let reason = match error.kind() {
        IntErrorKind::PosOverflow => ": it is too large",
        IntErrorKind::NegOverflow => ": it is too small",
        _ => "",
    };
    format!("Not a number of type {type_name}{reason}")
}

/// `true` and `false` in any case, as Kafka reads them.
pub fn parse_boolean(value: &str) -> Option<bool> {
    let value = value.trim();
    match (value.eq_ignore_ascii_case("true"), value.eq_ignore_ascii_case("false")) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }
}

/// The entries of a list, without the blanks around them; none of an empty text.
pub fn list_entries(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim).filter(|entry| !entry.is_empty())
}
