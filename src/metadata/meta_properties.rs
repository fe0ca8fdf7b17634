//! `meta.properties`: whose data directory this is, in Kafka's form.

use crate::base::BrokerId;

/// The file's name in the data directory.
pub const META_PROPERTIES: &str = "meta.properties";

/// The file's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetaProperties {
    /// `cluster.id`.
    pub cluster_id: String,
    /// `node.id`.
    pub node_id: BrokerId,
    /// `directory.id`: the directory's own id (KIP-858); Kafka before 3.7 wrote none.
    pub directory_id: Option<String>,
}

impl MetaProperties {
    /// Reads the file's text.
    ///
    /// # Errors
    /// What is missing or wrong, in words for the operator.
    pub fn parse(text: &str) -> Result<MetaProperties, String> {
        let value = |key: &str| {
            let entries = text.lines().filter(|line| !line.trim_start().starts_with(['#', '!']));
            let mut pairs = entries.filter_map(|line| line.split_once('='));
            pairs.find(|(name, _)| name.trim() == key).map(|(_, value)| value.trim().to_owned())
        };
        match value("version").as_deref() {
            Some("1") => {}
            Some(other) => return Err(format!("version={other} is not supported; only 1 is")),
            None => return Err("version is missing".into()),
        }
        let node_id = value("node.id").ok_or("node.id is missing")?;
        let node_id = node_id.parse().map_err(|_| format!("node.id={node_id} is not a number"))?;
        Ok(MetaProperties {
            cluster_id: value("cluster.id").ok_or("cluster.id is missing")?,
            node_id: BrokerId(node_id),
            directory_id: value("directory.id"),
        })
    }

    /// The file's text.
    pub fn render(&self) -> String {
        let directory_id =
            self.directory_id.as_ref().map(|id| format!("directory.id={id}\n")).unwrap_or_default();
        let (cluster_id, node_id) = (&self.cluster_id, self.node_id);
        format!("#\ncluster.id={cluster_id}\n{directory_id}node.id={node_id}\nversion=1\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: what is written is read again, and a file of Kafka's, with its date, is read too.
    #[test]
    fn reads_own_files_and_kafkas() {
        let own = MetaProperties {
            cluster_id: "AAECAwQFBgcICQoLDA0ODw".into(),
            node_id: BrokerId(7),
            directory_id: Some("BBECAwQFBgcICQoLDA0ODw".into()),
        };
        assert_eq!(MetaProperties::parse(&own.render()), Ok(own.clone()));
        let kafkas = "#\n#Thu Jan 01 00:00:00 UTC 2026\nnode.id=7\nversion=1\n\
                      cluster.id=AAECAwQFBgcICQoLDA0ODw\n";
        assert_eq!(MetaProperties::parse(kafkas), Ok(MetaProperties { directory_id: None, ..own }));
    }

    /// Goal: an unreadable file is refused, with the line that is to blame.
    #[test]
    fn refuses_what_it_cannot_read() {
        for (text, blamed) in [
            ("", "version"),
            ("version=0\nbroker.id=1\n", "version=0"),
            ("version=1\ncluster.id=x\n", "node.id"),
            ("version=1\ncluster.id=x\nnode.id=one\n", "one"),
            ("version=1\nnode.id=1\n", "cluster.id"),
        ] {
            let fault = MetaProperties::parse(text).unwrap_err();
            assert!(fault.contains(blamed), "{text:?}: {fault}");
        }
    }
}
