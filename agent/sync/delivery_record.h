#pragma once

#include "agent/store/store.h"
#include "agent/sync/sync_service.h"

namespace gitferry {

/// What the store keeps of a delivery and of what became of it; of the body only its digest and size.
DeliveryRecord record_of(const IncomingDelivery& delivery, const HookTarget* target,
                         const DeliveryOutcome& outcome);

}  // namespace gitferry
