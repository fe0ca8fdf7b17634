//! DescribeConfigs from the image; AlterConfigs and IncrementalAlterConfigs by the controller.

use super::Shard;
use super::connection::RequestContext;
use super::controller::{Controller, Decision};
use super::draft::Draft;
use crate::base::BrokerId;
use crate::base::topic_name::topic_name_fault;
use crate::metadata::configs::{
    AlterOperation, Alteration, ConfigResource, alter_configs, replace_configs,
};
use crate::metadata::describe::{ConfigEntry, describe_broker, describe_cluster, describe_topic};
use crate::metadata::{Image, MetadataError};
use crate::wire::Array;
use crate::wire::api::alter_configs::{
    AlterConfigsRequest, AlterConfigsResourceResponse, AlterConfigsResponse,
};
use crate::wire::api::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
    DescribeConfigsResponse, DescribeConfigsResult, DescribeConfigsSynonym,
};
use crate::wire::api::incremental_alter_configs::{
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};
use bytes::Bytes;
use std::collections::HashSet;
use std::sync::Arc;

/// The resource types that have configs here.
const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// One resource's outcome, before it is written.
type Described = Result<Vec<ConfigEntry>, MetadataError>;

/// DescribeConfigs (key 32): every config, with where its value comes from.
pub(super) fn on_describe(shard: &mut Shard, context: &RequestContext, body: &Bytes) {
    // Older than the request: what is shown of them lives as long as its names.
    let (described, texts): (Vec<Described>, Vec<String>);
    let Some(request) = shard.decode::<DescribeConfigsRequest>(context, body) else { return };
    let image = Arc::clone(&shard.image);
    let broker = shard.settings.broker_id;
    let mut seen = HashSet::new();
    let resources = request.resources.iter();
    described = resources
        .map(|wanted| match seen.insert((wanted.resource_type, wanted.resource_name)) {
            true => describe(&image, broker, wanted),
            // Listing everything once for each mention would let a small request ask for much.
            false => Err(MetadataError::Request("The resource is named more than once.".into())),
        })
        .collect();
    texts = described.iter().map(error_text).collect();
    let results = request.resources.iter().zip(described.iter().zip(&texts));
    let response = DescribeConfigsResponse {
        results: results
            .map(|(resource, (described, text))| result(&request, resource, described, text))
            .collect(),
        ..Default::default()
    };
    for result in &response.results {
        shard.metrics.error(context.api.code(), result.error_code);
    }
    shard.respond(context, &response);
}

fn error_text<T>(result: &Result<T, MetadataError>) -> String {
    result.as_ref().err().map(MetadataError::to_string).unwrap_or_default()
}

fn describe(image: &Image, broker: BrokerId, wanted: &DescribeConfigsResource) -> Described {
    if wanted.resource_type == TOPIC
        && let Some(fault) = topic_name_fault(wanted.resource_name)
    {
        return Err(MetadataError::TopicName(fault));
    }
    let resource = find(image, broker, wanted.resource_type, wanted.resource_name)?;
    let mut entries = match resource {
        ConfigResource::Topic(topic) => describe_topic(image, topic),
        ConfigResource::Broker => describe_broker(image),
        ConfigResource::Cluster => describe_cluster(image),
    };
    if let Some(keys) = &wanted.configuration_keys
        && !keys.is_empty()
    {
        entries.retain(|entry| keys.contains(&entry.name));
    }
    Ok(entries)
}

fn find<'i>(
    image: &'i Image,
    broker: BrokerId,
    resource_type: i8,
    name: &str,
) -> Result<ConfigResource<'i>, MetadataError> {
    match resource_type {
        TOPIC => ConfigResource::topic(image, name),
        BROKER => ConfigResource::broker(name, broker),
        other => Err(MetadataError::Request(format!(
            "Resource type {other} has no configs here; topics ({TOPIC}) and brokers ({BROKER}) do."
        ))),
    }
}

fn result<'a>(
    request: &DescribeConfigsRequest,
    resource: &DescribeConfigsResource<'a>,
    described: &'a Described,
    text: &'a str,
) -> DescribeConfigsResult<'a> {
    let base = DescribeConfigsResult {
        resource_type: resource.resource_type,
        resource_name: resource.resource_name,
        ..Default::default()
    };
    match described {
        Ok(entries) => DescribeConfigsResult {
            configs: entries.iter().map(|entry| config(request, entry)).collect(),
            ..base
        },
        Err(error) => DescribeConfigsResult {
            error_code: error.code().code(),
            error_message: Some(text),
            ..base
        },
    }
}

fn config<'a>(
    request: &DescribeConfigsRequest,
    entry: &'a ConfigEntry,
) -> DescribeConfigsResourceResult<'a> {
    let synonyms = entry.synonyms.iter().filter(|_| request.include_synonyms);
    DescribeConfigsResourceResult {
        name: entry.name,
        value: entry.value.as_deref(),
        read_only: entry.read_only,
        config_source: entry.source.code(),
        is_sensitive: entry.sensitive,
        synonyms: synonyms
            .map(|synonym| DescribeConfigsSynonym {
                name: synonym.name,
                value: synonym.value.as_deref(),
                source: synonym.source.code(),
            })
            .collect(),
        config_type: entry.type_code,
        documentation: Some(entry.documentation).filter(|_| request.include_documentation),
    }
}

/// AlterConfigs (key 33): a resource has these values afterwards and no others.
pub(super) fn replace(
    controller: &mut Controller,
    context: &RequestContext,
    request: &AlterConfigsRequest,
) -> Decision {
    let mut draft = Draft::of(controller);
    for resource in &request.resources {
        draft.add(|image, broker| {
            let found = find(image, broker, resource.resource_type, resource.resource_name)?;
            let configs: Vec<_> = resource.configs.iter().map(|c| (c.name, c.value)).collect();
            replace_configs(image, found, &configs)
        });
    }
    let changes = draft.take_changes(request.validate_only);
    let resources = || request.resources.iter().map(|r| (r.resource_type, r.resource_name));
    let respond = |broken: bool| AlterConfigsResponse {
        responses: altered(resources(), &draft, broken),
        ..Default::default()
    };
    Decision::of(context, changes, draft.errors(), &respond(false), &respond(true))
}

/// IncrementalAlterConfigs (key 44, KIP-339): what is not named stays.
pub(super) fn alter(
    controller: &mut Controller,
    context: &RequestContext,
    request: &IncrementalAlterConfigsRequest,
) -> Decision {
    let mut draft = Draft::of(controller);
    for resource in &request.resources {
        draft.add(|image, broker| {
            let found = find(image, broker, resource.resource_type, resource.resource_name)?;
            let alterations = resource.configs.iter().map(|config| {
                let operation = AlterOperation::from_code(config.config_operation)?;
                Ok(Alteration { name: config.name, operation, value: config.value })
            });
            alter_configs(image, found, &alterations.collect::<Result<Vec<_>, MetadataError>>()?)
        });
    }
    let changes = draft.take_changes(request.validate_only);
    let resources = || request.resources.iter().map(|r| (r.resource_type, r.resource_name));
    let respond = |broken: bool| IncrementalAlterConfigsResponse {
        responses: altered(resources(), &draft, broken),
        ..Default::default()
    };
    Decision::of(context, changes, draft.errors(), &respond(false), &respond(true))
}

/// What became of each resource, in the order in which they were added to the draft.
fn altered<'a>(
    resources: impl Iterator<Item = (i8, &'a str)>,
    draft: &'a Draft,
    broken: bool,
) -> Array<AlterConfigsResourceResponse<'a>> {
    resources
        .zip(draft.outcomes(broken))
        .map(|((resource_type, resource_name), (code, error_message))| {
            let error_code = code.code();
            AlterConfigsResourceResponse { error_code, error_message, resource_type, resource_name }
        })
        .collect()
}
