#include "api/openapi.h"

#include <string>

namespace gitferry::api {

std::vector<Route> openapi_routes() {
  const auto document = [](const Call&) {
    Response response;
    response.content_type = "application/yaml";
    response.body = std::string(openapi_document());
    return response;
  };
  return {{"GET", "/openapi.yaml", std::nullopt, kNoBody, document, nullptr}};
}

}  // namespace gitferry::api
