//! The documentation of every key, as a configuration file.

use crate::metadata::config_keys::{self, ConfigKey, Kind};

const WIDTH: usize = 96;

const HEAD: &str = "\
# The configuration of Pinion: every key, with its default.
#
# Remove the # before a key to set it. Keys are those of Kafka's server.properties; sizes are in
# bytes and times in the unit that the name says. \"may change while running\": also by Kafka's
# AlterConfigs, which then goes before this file.
";

/// A TOML file with every key, its meaning, its range and its default, all of it commented out.
pub fn render_documented() -> String {
    let mut text = HEAD.to_owned();
    for key in config_keys::broker_keys() {
        text.push('\n');
        for line in wrap(key.documentation) {
            text.push_str("# ");
            text.push_str(&line);
            text.push('\n');
        }
        let change = if key.dynamic { "may change while running" } else { "read at the start" };
        let type_name = key.kind.type_name();
        let allowed = key.kind.allowed().map(|allowed| format!(": {allowed}"));
        let kind = format!("{type_name}{}", allowed.unwrap_or_default());
        let assignment = match key.default {
            Some(default) => format!("{} = {}", key.name, literal(key, default)),
            None => format!("{} =   # unset", key.name),
        };
        text.push_str(&format!("# {kind}; {change}\n#{assignment}\n"));
    }
    text
}

fn literal(key: &ConfigKey, value: &str) -> String {
    match key.kind {
        Kind::Boolean | Kind::OnlyFalse | Kind::Int(_) | Kind::Long(_) | Kind::Double(..) => {
            value.to_owned()
        }
        Kind::String(_) | Kind::List(_) | Kind::Password => toml::Value::from(value).to_string(),
    }
}

fn wrap(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is always a last line");
        if !line.is_empty() && line.len() + 1 + word.len() > WIDTH - "# ".len() {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}
