#include "agent/sync/delivery_record.h"

#include <string>

#include <gtest/gtest.h>

namespace gitferry {
namespace {

TEST(DeliveryRecord, S17_WhatASenderNamesIsKeptShort) {
  IncomingDelivery delivery;
  delivery.event.repository.full_name = std::string(1'000'000, 'x');
  const auto record = record_of(delivery, nullptr, {});
  EXPECT_LE(record.named_repository.size(), 600U);
  EXPECT_TRUE(record.named_repository.starts_with("xxxx"));
  delivery.event.repository.full_name = "group/" + std::string(255, 'y') + "/" + std::string(100, 'z');
  EXPECT_EQ(record_of(delivery, nullptr, {}).named_repository, delivery.event.repository.full_name);
}

}  // namespace
}  // namespace gitferry
