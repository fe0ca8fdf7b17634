//! InitProducerId: an id for an idempotent producer (KIP-98, KIP-360).

use super::connection::RequestContext;
use super::controller::{Controller, Decision};
use crate::wire::ErrorCode;
use crate::wire::api::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};

/// Gives an id; a durable block of them is taken when the last one is used up.
///
/// A producer that names its id gets a fresh one: without a transactional id, an epoch has no
/// owner whose bumps could be told from a stranger's.
pub(super) fn allocate(
    controller: &mut Controller,
    context: &RequestContext,
    request: &InitProducerIdRequest,
) -> Decision {
    let storage = InitProducerIdResponse {
        error_code: ErrorCode::KafkaStorageError.code(),
        producer_epoch: -1,
        ..Default::default()
    };
    if request.transactional_id.is_some() {
        let error = ErrorCode::TransactionalIdAuthorizationFailed;
        let refused = InitProducerIdResponse {
            error_code: error.code(),
            producer_epoch: -1,
            ..Default::default()
        };
        return Decision::of(context, Vec::new(), vec![error], &refused, &storage);
    }
    let (id, change) = controller.new_producer_id();
    let response =
        InitProducerIdResponse { producer_id: id.0, producer_epoch: 0, ..Default::default() };
    Decision::of(context, change.into_iter().collect(), Vec::new(), &response, &storage)
}
