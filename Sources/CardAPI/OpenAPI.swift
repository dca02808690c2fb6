/// The API's contract, in OpenAPI 3.1. A test holds it against the routes, and every answer of the
/// tests against it.
///
/// It is written by hand, to be read by people too; the examples are what the server answers when
/// it has loaded the four files in `Samples`.
enum OpenAPI {
    static let document: StaticString = """
        {
          "openapi": "3.1.0",
          "info": {
            "title": "cardstatus",
            "version": "1.0.0",
            "summary": "Where is this card now?",
            "description": "Looks up the state of an issuer's cards, by card ID or by phone \
        number, as the courier partners' reports have it.\\n\\n\
        **Methods.** HEAD works wherever GET does and answers the same \
        without a body; any other method gets 405 with an `Allow` header. A path with a trailing \
        slash is the same as without.\\n\\n\
        **Parameters.** Names and values are percent-encoded. A parameter without a value counts \
        as not given, one that is given twice is an error (400), and one that a call does not know \
        is ignored.\\n\\n\
        **Errors** are `application/problem+json` (RFC 9457). Decide by `type`, which is stable; \
        `title` and `detail` are for people. A path that is not listed here gets 404 of type \
        `urn:cardstatus:problem:unknown-route`. A request whose framing is in doubt (a GET with a \
        body, two lengths, no Host) gets 400, whatever its path, and one with too large a body \
        413; both close the connection. \
        `get-card-status` has errors of its own shape for status 400.\\n\\n\
        **Compression.** Answers with a body of more than 1 KiB are packed with gzip for clients \
        whose `Accept-Encoding` has it; a single card never is.\\n\\n\
        **Keys.** The calls that ask for a key below need it wherever the server has keys. A \
        server that listens on loopback addresses and Unix sockets only and has no key answers \
        without.\\n\\n\
        **Time** is UTC. **Phones** are in E.164 form."
          },
          "servers": [{"url": "/"}],
          "tags": [
            {"name": "Cards", "description": "Look-ups."},
            {"name": "Feeds", "description": "Where reports come from, and what became of them."},
            {"name": "Events", "description": "Saying what happened, and following it."},
            {"name": "Administration", "description": "For who runs the server."},
            {"name": "Customers", "description": "Whom the cards belong to."},
            {"name": "Server", "description": "The state of the server itself."}
          ],
          "paths": {
            "/api/cards/{card_id}": {
              "get": {
                "operationId": "getCard",
                "tags": ["Cards"],
                "summary": "The current state of a card",
                "description": "The state is that of the card's last event that has not been \
        voided. The phone is the last one that was reported with such an event.",
                "security": [{"bearer": []}, {"header": []}],
                "parameters": [
                  {"$ref": "#/components/parameters/CardID"},
                  {"$ref": "#/components/parameters/IfNoneMatch"}
                ],
                "responses": {
                  "200": {
                    "description": "The card.",
                    "headers": {
                      "ETag": {"$ref": "#/components/headers/ETag"},
                      "Cache-Control": {"$ref": "#/components/headers/CacheControl"}
                    },
                    "content": {
                      "application/json": {
                        "schema": {"$ref": "#/components/schemas/Card"},
                        "example": {
                          "card_id": "ZYW8827",
                          "phone": "+971585949014",
                          "status": "delivered",
                          "updated_at": "2023-11-13T09:34:56Z",
                          "comment": "DELIVERED",
                          "reference": "A883"
                        }
                      }
                    }
                  },
                  "304": {
                    "description": "The client has the card's current state. No body.",
                    "headers": {
                      "ETag": {"$ref": "#/components/headers/ETag"},
                      "Cache-Control": {"$ref": "#/components/headers/CacheControl"}
                    }
                  },
                  "400": {"$ref": "#/components/responses/Malformed"},
                  "414": {"$ref": "#/components/responses/HeadTooLarge"},
                  "431": {"$ref": "#/components/responses/HeadTooLarge"},
                  "401": {"$ref": "#/components/responses/KeyRequired"},
                  "404": {"$ref": "#/components/responses/UnknownCard"},
                  "421": {"$ref": "#/components/responses/ForeignHost"},
                  "429": {"$ref": "#/components/responses/TooManyRequests"},
                  "500": {"$ref": "#/components/responses/Failed"}
                }
              }
            },
            "/api/cards": {
              "get": {
                "operationId": "findCardsByPhone",
                "tags": ["Cards"],
                "summary": "The cards of a phone",
                "description": "All cards whose current phone is this one, in the order of their \
        IDs, a page at a time. An empty list when there is none.",
                "security": [{"bearer": []}, {"header": []}],
                "parameters": [
                  {
                    "name": "phone",
                    "in": "query",
                    "required": true,
                    "description": "A phone number as people write it. With `+` (as it is, as \
        `%2B`, or as a space) or `00` in front it has a country code; other forms are dialled from \
        `region`.",
                    "schema": {"$ref": "#/components/schemas/WrittenPhone"},
                    "examples": {
                      "international": {"value": "+971585949014"},
                      "national": {"value": "0585949014"}
                    }
                  },
                  {"$ref": "#/components/parameters/Region"},
                  {
                    "name": "limit",
                    "in": "query",
                    "description": "Cards on a page, at most.",
                    "schema": {
                      "oneOf": [
                        {"type": "integer", "minimum": 1, "maximum": 100},
                        {"$ref": "#/components/schemas/Empty"}
                      ],
                      "default": 100
                    }
                  },
                  {
                    "name": "cursor",
                    "in": "query",
                    "description": "`next` of the page before.",
                    "schema": {"$ref": "#/components/schemas/WrittenCardID"},
                    "example": "ZYW8827"
                  },
                  {"$ref": "#/components/parameters/IfNoneMatch"}
                ],
                "responses": {
                  "200": {
                    "description": "A page of cards.",
                    "headers": {
                      "ETag": {"$ref": "#/components/headers/ETag"},
                      "Cache-Control": {"$ref": "#/components/headers/CacheControl"},
                      "Vary": {"$ref": "#/components/headers/Vary"},
                      "Content-Encoding": {"$ref": "#/components/headers/ContentEncoding"}
                    },
                    "content": {
                      "application/json": {
                        "schema": {"$ref": "#/components/schemas/CardPage"},
                        "example": {
                          "phone": "+971545576586",
                          "cards": [
                            {
                              "card_id": "ZYW7631",
                              "phone": "+971545576586",
                              "status": "delivered",
                              "updated_at": "2023-11-14T12:34:56Z",
                              "comment": "DELIVERED",
                              "reference": "A073"
                            }
                          ],
                          "next": null
                        }
                      }
                    }
                  },
                  "304": {
                    "description": "The client has the page as it is. No body.",
                    "headers": {
                      "ETag": {"$ref": "#/components/headers/ETag"},
                      "Cache-Control": {"$ref": "#/components/headers/CacheControl"},
                      "Vary": {"$ref": "#/components/headers/Vary"}
                    }
                  },
                  "400": {"$ref": "#/components/responses/Malformed"},
                  "414": {"$ref": "#/components/responses/HeadTooLarge"},
                  "431": {"$ref": "#/components/responses/HeadTooLarge"},
                  "401": {"$ref": "#/components/responses/KeyRequired"},
                  "421": {"$ref": "#/components/responses/ForeignHost"},
                  "429": {"$ref": "#/components/responses/TooManyRequests"},
                  "500": {"$ref": "#/components/responses/Failed"}
                }
              }
            },
            "/api/cards/batch": {
              "post": {
                "operationId": "findCards",
                "tags": ["Cards"],
                "summary": "Many cards and phones at once",
                "description": "Up to 10,000 keys. There is one result for each, all card IDs in \
        their order, then all phones in theirs; a key that is given again is answered again, and \
        one that is malformed has an `error` in its place. As `text/plain` the keys stand one a \
        line, `+…` or `phone:…` for a phone and anything else for a card ID; empty lines are \
        skipped, and the results come in the order of the lines, one a line, as \
        `application/x-ndjson`. An answer has at most 64 MiB.",
                "security": [{"bearer": []}, {"header": []}],
                "parameters": [{"$ref": "#/components/parameters/Region"}],
                "requestBody": {
                  "required": true,
                  "content": {
                    "application/json": {
                      "schema": {"$ref": "#/components/schemas/BatchRequest"},
                      "example": {
                        "card_ids": ["ZYW8827", "UNKNOWN", "no id"],
                        "phones": ["0545576586", "x"]
                      }
                    },
                    "text/plain": {
                      "schema": {"type": "string"},
                      "example": "ZYW8827\\n+971545576586\\nphone:0585949014\\n"
                    }
                  }
                },
                "responses": {
                  "200": {
                    "description": "A result for each key.",
                    "headers": {
                      "Cache-Control": {"$ref": "#/components/headers/CacheControl"},
                      "Vary": {"$ref": "#/components/headers/Vary"},
                      "Content-Encoding": {"$ref": "#/components/headers/ContentEncoding"}
                    },
                    "content": {
                      "application/json": {
                        "schema": {"$ref": "#/components/schemas/BatchAnswer"},
                        "example": {
                          "results": [
                            {
                              "card_id": "ZYW8827",
                              "found": true,
                              "phone": "+971585949014",
                              "status": "delivered",
                              "updated_at": "2023-11-13T09:34:56Z",
                              "comment": "DELIVERED",
                              "reference": "A883"
                            },
                            {"card_id": "UNKNOWN", "found": false},
                            {
                              "card_id": "no id",
                              "error": "the card ID has ' ' at position 3; letters, digits, \
        '-', '_' and '.' are allowed"
                            },
                            {
                              "phone": "+971545576586",
                              "found": true,
                              "cards": [
                                {
                                  "card_id": "ZYW7631",
                                  "phone": "+971545576586",
                                  "status": "delivered",
                                  "updated_at": "2023-11-14T12:34:56Z",
                                  "comment": "DELIVERED",
                                  "reference": "A073"
                                }
                              ],
                              "next": null
                            },
                            {"phone": "x", "error": "not a phone number"}
                          ]
                        }
                      },
                      "application/x-ndjson": {"schema": {"type": "string"}}
                    }
                  },
                  "400": {"$ref": "#/components/responses/Malformed"},
                  "414": {"$ref": "#/components/responses/HeadTooLarge"},
                  "431": {"$ref": "#/components/responses/HeadTooLarge"},
                  "401": {"$ref": "#/components/responses/KeyRequired"},
                  "413": {"$ref": "#/components/responses/BatchTooLarge"},
                  "415": {"$ref": "#/components/responses/UnsupportedMediaType"},
                  "421": {"$ref": "#/components/responses/ForeignHost"},
                  "429": {"$ref": "#/components/responses/TooManyRequests"},
                  "500": {"$ref": "#/components/responses/Failed"}
                }
              }
            },
            "/api/cards/{card_id}/history": {
              "get": {
                "operationId": "getCardHistory",
                "tags": ["Cards"],
                "summary": "Everything that is kept about a card",
                "description": "The card's events in their order: by time, then by status \
        (`picked_up`, `delivery_exception`, `delivered`, `returned`), feed and reference. Voided \
        events are among them; a card that has no others is found here, although it has no state. \
        A card keeps its last 512 events, and earlier ones where they still matter.",
                "security": [{"bearer": []}, {"header": []}],
                "parameters": [
                  {"$ref": "#/components/parameters/CardID"},
                  {
                    "name": "limit",
                    "in": "query",
                    "description": "Events on a page, at most.",
                    "schema": {
                      "oneOf": [
                        {"type": "integer", "minimum": 1, "maximum": 1000},
                        {"$ref": "#/components/schemas/Empty"}
                      ],
                      "default": 100
                    }
                  },
                  {
                    "name": "cursor",
                    "in": "query",
                    "description": "`next` of the page before, as it is.",
                    "schema": {
                      "oneOf": [
                        {"$ref": "#/components/schemas/EventCursor"},
                        {"type": "string", "maxLength": 0}
                      ]
                    }
                  }
                ],
                "responses": {
                  "200": {
                    "description": "A page of events.",
                    "headers": {
                      "Cache-Control": {"$ref": "#/components/headers/CacheControl"},
                      "Vary": {"$ref": "#/components/headers/Vary"},
                      "Content-Encoding": {"$ref": "#/components/headers/ContentEncoding"}
                    },
                    "content": {
                      "application/json": {
                        "schema": {"$ref": "#/components/schemas/HistoryPage"},
                        "example": {
                          "card_id": "ZYW8890",
                          "events": [
                            {
                              "status": "picked_up",
                              "occurred_at": "2023-11-11T23:45:00Z",
                              "phone": "+971534534534",
                              "comment": null,
                              "reference": "465",
                              "feed": "pickup",
                              "void": false
                            },
                            {
                              "status": "delivery_exception",
                              "occurred_at": "2023-11-13T10:00:00Z",
                              "phone": "+971534534534",
                              "comment": "User not available",
                              "reference": "A982",
                              "feed": "delivery-exceptions",
                              "void": false
                            },
                            {
                              "status": "returned",
                              "occurred_at": "2023-11-14T08:00:00Z",
                              "phone": null,
                              "comment": null,
                              "reference": "A982",
                              "feed": "returned",
                              "void": false
                            }
                          ],
                          "next": null
                        }
                      }
                    }
                  },
                  "400": {"$ref": "#/components/responses/Malformed"},
                  "414": {"$ref": "#/components/responses/HeadTooLarge"},
                  "431": {"$ref": "#/components/responses/HeadTooLarge"},
                  "401": {"$ref": "#/components/responses/KeyRequired"},
                  "403": {"$ref": "#/components/responses/Forbidden"},
                  "404": {"$ref": "#/components/responses/UnknownCard"},
                  "421": {"$ref": "#/components/responses/ForeignHost"},
                  "429": {"$ref": "#/components/responses/TooManyRequests"},
                  "500": {"$ref": "#/components/responses/Failed"}
                }
              }
            },
            "/api/events": {
              "post": {
                "operationId": "addEvents",
                "tags": ["Events"],
                "summary": "Say what happened to cards",
                "description": "One event, or an array of up to 10,000; the body has at most 4 \
        MiB. All of it is checked first: if anything is wrong nothing is written, and `errors` \
        says what. The answer comes when the events are durable and look-ups see them. An event \
        that is known already changes nothing, so a request whose answer was lost, or that got \
        503, can be sent again. A phone that cannot be used costs the event its phone and gives a \
        warning. Which feed an event belongs to is part of its identity.",
                "security": [{"bearer": []}, {"header": []}],
                "parameters": [{"$ref": "#/components/parameters/Region"}],
                "requestBody": {
                  "required": true,
                  "content": {
                    "application/json": {
                      "schema": {
                        "oneOf": [
                          {"$ref": "#/components/schemas/NewEvent"},
                          {
                            "type": "array",
                            "minItems": 1,
                            "maxItems": 10000,
                            "items": {"$ref": "#/components/schemas/NewEvent"}
                          }
                        ]
                      },
                      "example": {
                        "card_id": "ZYW8827",
                        "status": "returned",
                        "occurred_at": "2023-11-20T13:30:00+04:00",
                        "phone": "0585949014",
                        "comment": "Moved away",
                        "reference": "R-17"
                      }
                    }
                  }
                },
                "responses": {
                  "200": {
                    "description": "All of it was known already.",
                    "content": {
                      "application/json": {
                        "schema": {"$ref": "#/components/schemas/Written"},
                        "example": {
                          "sequence": 4,
                          "accepted": 0,
                          "duplicates": 1,
                          "beyond_limit": 0,
                          "warnings": {"count": 0, "first": []}
                        }
                      }
                    }
                  },
                  "201": {
                    "description": "It is written.",
                    "content": {
                      "application/json": {
                        "schema": {"$ref": "#/components/schemas/Written"},
                        "example": {
                          "sequence": 4,
                          "accepted": 1,
                          "duplicates": 0,
                          "beyond_limit": 0,
                          "warnings": {"count": 0, "first": []}
                        }
                      }
                    }
                  },
                  "400": {"$ref": "#/components/responses/Malformed"},
                  "414": {"$ref": "#/components/responses/HeadTooLarge"},
                  "431": {"$ref": "#/components/responses/HeadTooLarge"},
                  "401": {"$ref": "#/components/responses/KeyRequired"},
                  "403": {"$ref": "#/components/responses/Forbidden"},
                  "421": {"$ref": "#/components/responses/ForeignHost"},
                  "429": {"$ref": "#/components/responses/TooManyRequests"},
                  "413": {"$ref": "#/components/responses/TooManyItems"},
                  "415": {"$ref": "#/components/responses/UnsupportedMediaType"},
                  "422": {"$ref": "#/components/responses/InvalidItems"},
                  "500": {"$ref": "#/components/responses/Failed"},
                  "503": {"$ref": "#/components/responses/NotWritten"},
                  "507": {"$ref": "#/components/responses/NoRoom"}
                }
              },
              "get": {
                "operationId": "findEvents",
                "tags": ["Cards"],
                "summary": "What happened when",
                "description": "The events that are kept of all cards, in the order of time, then \
        of status, and then a fixed one. Voided events are among them. What a page looks at is \
        bounded, so it may have fewer events than `limit`, or none, and still a `next`: only a \
        `next` of null says that there are no more. What is reported later for a time behind the \
        cursor is not shown; follow the changes for that.",
                "security": [{"bearer": []}, {"header": []}],
                "parameters": [
                  {
                    "name": "from",
                    "in": "query",
                    "description": "The first moment, as RFC 3339 writes it, with `Z` or an \
        offset. The plus of an offset may be sent as it is, as `%2B`, or as a space. Fractions of \
        a second are cut off, as those of events are.",
                    "schema": {
                      "oneOf": [
                        {"$ref": "#/components/schemas/WrittenTime"},
                        {"$ref": "#/components/schemas/Empty"}
                      ]
                    },
                    "example": "2023-11-13T00:00:00+04:00"
                  },
                  {
                    "name": "to",
                    "in": "query",
                    "description": "The first moment that no longer counts.",
                    "schema": {
                      "oneOf": [
                        {"$ref": "#/components/schemas/WrittenTime"},
                        {"$ref": "#/components/schemas/Empty"}
                      ]
                    },
                    "example": "2023-11-14T00:00:00+04:00"
                  },
                  {
                    "name": "status",
                    "in": "query",
                    "description": "Only events of this status.",
                    "schema": {
                      "oneOf": [
                        {"$ref": "#/components/schemas/Status"},
                        {"$ref": "#/components/schemas/Empty"}
                      ]
                    }
                  },
                  {
                    "name": "feed",
                    "in": "query",
                    "description": "Only events of this feed.",
                    "schema": {"type": "string", "pattern": "^[a-z0-9-]{0,32}$"}
                  },
                  {
                    "name": "limit",
                    "in": "query",
                    "description": "Events on a page, at most.",
                    "schema": {
                      "oneOf": [
                        {"type": "integer", "minimum": 1, "maximum": 1000},
                        {"$ref": "#/components/schemas/Empty"}
                      ],
                      "default": 100
                    }
                  },
                  {
                    "name": "cursor",
                    "in": "query",
                    "description": "`next` of the page before, as it is, with the other \
        parameters as they were.",
                    "schema": {
                      "oneOf": [
                        {"$ref": "#/components/schemas/EventPosition"},
                        {"type": "string", "maxLength": 0}
                      ]
                    }
                  }
                ],
                "responses": {
                  "200": {
                    "description": "A page of events.",
                    "headers": {
                      "Cache-Control": {"$ref": "#/components/headers/CacheControl"},
                      "Vary": {"$ref": "#/components/headers/Vary"},
                      "Content-Encoding": {"$ref": "#/components/headers/ContentEncoding"}
                    },
                    "content": {
                      "application/json": {
                        "schema": {"$ref": "#/components/schemas/EventPage"},
                        "example": {
                          "events": [
                            {
                              "card_id": "ZYW7631",
                              "status": "picked_up",
                              "occurred_at": "2023-11-13T07:02:00Z",
                              "phone": "+971545576586",
                              "comment": null,
                              "reference": "878",
                              "feed": "pickup",
                              "void": false
                            },
                            {
                              "card_id": "ZYW8827",
                              "status": "delivered",
                              "occurred_at": "2023-11-13T09:34:56Z",
                              "phone": "+971585949014",
                              "comment": "DELIVERED",
                              "reference": "A883",
                              "feed": "delivered",
                              "void": false
                            }
                          ],
                          "next": "000000006551edc0025a595738383237b197da571e04f881"
                        }
                      }
                    }
                  },
                  "400": {"$ref": "#/components/responses/Malformed"},
                  "414": {"$ref": "#/components/responses/HeadTooLarge"},
                  "431": {"$ref": "#/components/responses/HeadTooLarge"},
                  "401": {"$ref": "#/components/responses/KeyRequired"},
                  "403": {"$ref": "#/components/responses/Forbidden"},
                  "421": {"$ref": "#/components/responses/ForeignHost"},
                  "429": {"$ref": "#/components/responses/TooManyRequests"},
                  "500": {"$ref": "#/components/responses/Failed"},
                  "503": {"$ref": "#/components/responses/Busy"}
                }
              }
            },
            "/api/customers": {
              "get": {
                "operationId": "listCustomers",
                "tags": ["Customers"],
                "summary": "All customers, page by page",
                "description": "The customers of the latest complete pull, in the order of the \
        bytes of their IDs. A page behind the last has no data.",
                "security": [{"bearer": []}, {"header": []}],
                "parameters": [
                  {
                    "name": "page",
                    "in": "query",
                    "description": "The page's number.",
                    "schema": {
                      "oneOf": [
                        {"type": "integer", "minimum": 1},
                        {"$ref": "#/components/schemas/Empty"}
                      ],
                      "default": 1
                    }
                  },
                  {
                    "name": "limit",
                    "in": "query",
                    "description": "Customers on a page.",
                    "schema": {
                      "oneOf": [
                        {"type": "integer", "minimum": 1, "maximum": 100},
                        {"$ref": "#/components/schemas/Empty"}
                      ],
                      "default": 10
                    }
                  }
                ],
                "responses": {
                  "200": {
                    "description": "A page of customers.",
                    "headers": {
                      "Cache-Control": {"$ref": "#/components/headers/CacheControl"},
                      "Vary": {"$ref": "#/components/headers/Vary"},
                      "Content-Encoding": {"$ref": "#/components/headers/ContentEncoding"}
                    },
                    "content": {
                      "application/json": {
                        "schema": {"$ref": "#/components/schemas/CustomerPage"},
                        "example": {
                          "data": [
                            {
                              "customer_id": "1",
                              "first_name": "Omar",
                              "last_name": "Example 1",
                              "email": "customer1@example.com",
                              "phone": "+971585949014",
                              "address": "1 Example Street, Dubai",
                              "date_of_birth": "1950-07-31",
                              "account_balance": "1170.35",
                              "created_at": "2023-01-01T01:00:00Z"
                            }
                          ],
                          "total": 21,
                          "page": 1,
                          "limit": 1
                        }
                      }
                    }
                  },
                  "400": {"$ref": "#/components/responses/Malformed"},
                  "414": {"$ref": "#/components/responses/HeadTooLarge"},
                  "431": {"$ref": "#/components/responses/HeadTooLarge"},
                  "401": {"$ref": "#/components/responses/KeyRequired"},
                  "403": {"$ref": "#/components/responses/Forbidden"},
                  "421": {"$ref": "#/components/responses/ForeignHost"},
                  "429": {"$ref": "#/components/responses/TooManyRequests"},
                  "422": {"$ref": "#/components/responses/InvalidParameter"},
                  "500": {"$ref": "#/components/responses/Failed"}
                }
              }
            },
            "/api/customers/{customer_id}": {
              "get": {
                "operationId": "getCustomer",
                "tags": ["Customers"],
                "summary": "One customer, with their cards",
                "description": "The cards are the first 100 whose current phone is the \
        customer's; `next` is the cursor for the others at `/api/cards?phone=`.",
                "security": [{"bearer": []}, {"header": []}],
                "parameters": [
                  {
                    "name": "customer_id",
                    "in": "path",
                    "required": true,
                    "description": "The customer's ID. Upper and lower case differ.",
                    "schema": {"$ref": "#/components/schemas/CustomerID"},
                    "example": "1"
                  }
                ],
                "responses": {
                  "200": {
                    "description": "The customer.",
                    "headers": {
                      "Cache-Control": {"$ref": "#/components/headers/CacheControl"},
                      "Vary": {"$ref": "#/components/headers/Vary"},
                      "Content-Encoding": {"$ref": "#/components/headers/ContentEncoding"}
                    },
                    "content": {
                      "application/json": {
                        "schema": {"$ref": "#/components/schemas/CustomerWithCards"},
                        "example": {
                          "customer_id": "1",
                          "first_name": "Omar",
                          "last_name": "Example 1",
                          "email": "customer1@example.com",
                          "phone": "+971585949014",
                          "address": "1 Example Street, Dubai",
                          "date_of_birth": "1950-07-31",
                          "account_balance": "1170.35",
                          "created_at": "2023-01-01T01:00:00Z",
                          "cards": [
                            {
                              "card_id": "ZYW8827",
                              "phone": "+971585949014",
                              "status": "delivered",
                              "updated_at": "2023-11-13T09:34:56Z",
                              "comment": "DELIVERED",
                              "reference": "A883"
                            }
                          ],
                          "next": null
                        }
                      }
                    }
                  },
                  "400": {"$ref": "#/components/responses/Malformed"},
                  "414": {"$ref": "#/components/responses/HeadTooLarge"},
                  "431": {"$ref": "#/components/responses/HeadTooLarge"},
                  "401": {"$ref": "#/components/responses/KeyRequired"},
                  "403": {"$ref": "#/components/responses/Forbidden"},
                  "421": {"$ref": "#/components/responses/ForeignHost"},
                  "429": {"$ref": "#/components/responses/TooManyRequests"},
                  "404": {"$ref": "#/components/responses/UnknownCustomer"},
                  "500": {"$ref": "#/components/responses/Failed"}
                }
              }
            },
            "/api/get-card-status": {
              "get": {
                "operationId": "getCardStatus",
                "tags": ["Cards"],
                "summary": "Cards by ID, by phone, or by both",
                "description": "The call of earlier systems, in their shape. With both \
        parameters, the card must have that ID and that phone. Finding nothing is a success with \
        an empty list. By phone it gives the first 100 cards and has no pages: `/api/cards` \
        does.",
                "security": [{"bearer": []}, {"header": []}],
                "parameters": [
                  {
                    "name": "card_id",
                    "in": "query",
                    "description": "A card ID. This or `user_mobile` is required.",
                    "schema": {"$ref": "#/components/schemas/WrittenCardID"},
                    "example": "ZYW8827"
                  },
                  {
                    "name": "user_mobile",
                    "in": "query",
                    "description": "A phone number, written as `phone` of `/api/cards`.",
                    "schema": {"$ref": "#/components/schemas/WrittenPhone"},
                    "example": "0585949014"
                  },
                  {"$ref": "#/components/parameters/Region"}
                ],
                "responses": {
                  "200": {
                    "description": "The cards that were found.",
                    "headers": {
                      "Cache-Control": {"$ref": "#/components/headers/CacheControl"},
                      "Vary": {"$ref": "#/components/headers/Vary"},
                      "Content-Encoding": {"$ref": "#/components/headers/ContentEncoding"}
                    },
                    "content": {
                      "application/json": {
                        "schema": {"$ref": "#/components/schemas/CardStatusAnswer"},
                        "example": {
                          "status": "success",
                          "data": [
                            {
                              "card_id": "ZYW8827",
                              "user_mobile": "+971585949014",
                              "status": "delivered",
                              "timestamp": "2023-11-13T09:34:56Z",
                              "comment": "DELIVERED"
                            }
                          ]
                        }
                      }
                    }
                  },
                  "400": {
                    "description": "A parameter is malformed, or both are missing. A request \
        whose framing is in doubt gets a problem, as on every path.",
                    "content": {
                      "application/json": {
                        "schema": {"$ref": "#/components/schemas/CardStatusError"},
                        "example": {
                          "status": "error",
                          "message": "Please provide either card_id or user_mobile."
                        }
                      },
                      "application/problem+json": {
                        "schema": {"$ref": "#/components/schemas/Problem"}
                      }
                    }
                  },
                  "414": {"$ref": "#/components/responses/HeadTooLarge"},
                  "431": {"$ref": "#/components/responses/HeadTooLarge"},
                  "401": {"$ref": "#/components/responses/KeyRequired"},
                  "421": {"$ref": "#/components/responses/ForeignHost"},
                  "429": {"$ref": "#/components/responses/TooManyRequests"},
                  "500": {"$ref": "#/components/responses/Failed"}
                }
              }
            },
            "/api/events/void": {
              "post": {
                "operationId": "voidEvents",
                "tags": ["Events"],
                "summary": "Undo events",
                "description": "An item is the identity of an event, as the history shows it: \
        the event is undone for good, whether it came before or comes later. Otherwise as \
        `POST /api/events`.",
                "security": [{"bearer": []}, {"header": []}],
                "parameters": [{"$ref": "#/components/parameters/Region"}],
                "requestBody": {
                  "required": true,
                  "content": {
                    "application/json": {
                      "schema": {
                        "oneOf": [
                          {"$ref": "#/components/schemas/EventIdentity"},
                          {
                            "type": "array",
                            "minItems": 1,
                            "maxItems": 10000,
                            "items": {"$ref": "#/components/schemas/EventIdentity"}
                          }
                        ]
                      },
                      "example": {
                        "card_id": "ZYW8827",
                        "status": "delivered",
                        "occurred_at": "2023-11-13T09:34:56Z",
                        "feed": "delivered",
                        "reference": "A883"
                      }
                    }
                  }
                },
                "responses": {
                  "200": {
                    "description": "All of it was undone already.",
                    "content": {
                      "application/json": {"schema": {"$ref": "#/components/schemas/Written"}}
                    }
                  },
                  "201": {
                    "description": "It is undone.",
                    "content": {
                      "application/json": {"schema": {"$ref": "#/components/schemas/Written"}}
                    }
                  },
                  "400": {"$ref": "#/components/responses/Malformed"},
                  "414": {"$ref": "#/components/responses/HeadTooLarge"},
                  "431": {"$ref": "#/components/responses/HeadTooLarge"},
                  "401": {"$ref": "#/components/responses/KeyRequired"},
                  "403": {"$ref": "#/components/responses/Forbidden"},
                  "421": {"$ref": "#/components/responses/ForeignHost"},
                  "429": {"$ref": "#/components/responses/TooManyRequests"},
                  "413": {"$ref": "#/components/responses/TooManyItems"},
                  "415": {"$ref": "#/components/responses/UnsupportedMediaType"},
                  "422": {"$ref": "#/components/responses/InvalidItems"},
                  "500": {"$ref": "#/components/responses/Failed"},
                  "503": {"$ref": "#/components/responses/NotWritten"},
                  "507": {"$ref": "#/components/responses/NoRoom"}
                }
              }
            },
            "/api/changes": {
              "get": {
                "operationId": "getChanges",
                "tags": ["Events"],
                "summary": "Which cards have changed since",
                "description": "One entry for each commit that changed a card, in order. With \
        `wait`, a request for which there is nothing yet is answered as soon as there is, within \
        20 ms or, when thousands wait, a second. The log is kept for a day and ten million \
        entries at least.",
                "security": [{"bearer": []}, {"header": []}],
                "parameters": [
                  {
                    "name": "since",
                    "in": "query",
                    "description": "`next` of the answer before, or `sequence` of a write; \
        entries behind it are wanted.",
                    "schema": {
                      "oneOf": [
                        {"type": "integer", "minimum": 0},
                        {"$ref": "#/components/schemas/Empty"}
                      ],
                      "default": 0
                    }
                  },
                  {
                    "name": "wait",
                    "in": "query",
                    "description": "Seconds to wait for a change.",
                    "schema": {
                      "oneOf": [
                        {"type": "integer", "minimum": 0, "maximum": 60},
                        {"$ref": "#/components/schemas/Empty"}
                      ],
                      "default": 0
                    }
                  },
                  {
                    "name": "limit",
                    "in": "query",
                    "description": "Entries in the answer, at most.",
                    "schema": {
                      "oneOf": [
                        {"type": "integer", "minimum": 1, "maximum": 1000},
                        {"$ref": "#/components/schemas/Empty"}
                      ],
                      "default": 1000
                    }
                  }
                ],
                "responses": {
                  "200": {
                    "description": "The changes; none when there were none in that time.",
                    "headers": {
                      "Cache-Control": {"$ref": "#/components/headers/CacheControl"},
                      "Vary": {"$ref": "#/components/headers/Vary"},
                      "Content-Encoding": {"$ref": "#/components/headers/ContentEncoding"}
                    },
                    "content": {
                      "application/json": {
                        "schema": {"$ref": "#/components/schemas/Changes"},
                        "example": {
                          "changes": [
                            {"sequence": 1, "card_id": "ZYW7631"},
                            {"sequence": 2, "card_id": "ZYW8827"},
                            {"sequence": 3, "card_id": "ZYW8890"}
                          ],
                          "next": 3
                        }
                      }
                    }
                  },
                  "400": {"$ref": "#/components/responses/Malformed"},
                  "414": {"$ref": "#/components/responses/HeadTooLarge"},
                  "431": {"$ref": "#/components/responses/HeadTooLarge"},
                  "401": {"$ref": "#/components/responses/KeyRequired"},
                  "403": {"$ref": "#/components/responses/Forbidden"},
                  "421": {"$ref": "#/components/responses/ForeignHost"},
                  "429": {"$ref": "#/components/responses/TooManyRequests"},
                  "410": {"$ref": "#/components/responses/ChangesGone"},
                  "500": {"$ref": "#/components/responses/Failed"},
                  "503": {"$ref": "#/components/responses/Busy"}
                }
              }
            },
            "/api/admin/reload": {
              "post": {
                "operationId": "reload",
                "tags": ["Administration"],
                "summary": "Load again while look-ups go on",
                "description": "Settings and keys are read and checked first, and put into \
        effect only when all of them are valid. Then the index is filled anew beside the old one \
        and takes its place. The answer comes at the end and says what each step did.",
                "security": [{"bearer": []}, {"header": []}],
                "parameters": [
                  {
                    "name": "scope",
                    "in": "query",
                    "description": "What to load: the configuration file, the API keys, the TLS \
        certificates, the index in memory, or all that the server has.",
                    "schema": {
                      "oneOf": [
                        {"type": "string", "enum": ["config", "keys", "certs", "index", "all"]},
                        {"$ref": "#/components/schemas/Empty"}
                      ],
                      "default": "all"
                    }
                  }
                ],
                "responses": {
                  "200": {
                    "description": "It is done.",
                    "content": {
                      "application/json": {
                        "schema": {"$ref": "#/components/schemas/ReloadReport"},
                        "example": {
                          "steps": [
                            {
                              "name": "keys",
                              "milliseconds": 0.1,
                              "detail": "read 2 API keys",
                              "cards": null,
                              "bytes": null
                            }
                          ],
                          "milliseconds": 0.1
                        }
                      }
                    }
                  },
                  "400": {"$ref": "#/components/responses/Malformed"},
                  "414": {"$ref": "#/components/responses/HeadTooLarge"},
                  "431": {"$ref": "#/components/responses/HeadTooLarge"},
                  "401": {"$ref": "#/components/responses/KeyRequired"},
                  "403": {"$ref": "#/components/responses/Forbidden"},
                  "421": {"$ref": "#/components/responses/ForeignHost"},
                  "429": {"$ref": "#/components/responses/TooManyRequests"},
                  "409": {"$ref": "#/components/responses/Conflict"},
                  "422": {"$ref": "#/components/responses/Invalid"},
                  "500": {"$ref": "#/components/responses/Failed"},
                  "503": {"$ref": "#/components/responses/Busy"}
                }
              }
            },
            "/api/admin/backup": {
              "post": {
                "operationId": "backUp",
                "tags": ["Administration"],
                "summary": "Copy the store, consistently, while it is served",
                "description": "The copy goes into a new directory of that name below the \
        server's `--backup-dir`, and can then be given as a data directory. It holds everything, \
        API keys too, and has its name only when it is whole and durable. The answer comes at the \
        end.",
                "security": [{"bearer": []}, {"header": []}],
                "parameters": [
                  {
                    "name": "name",
                    "in": "query",
                    "required": true,
                    "description": "The directory's name.",
                    "schema": {
                      "type": "string",
                      "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
                    },
                    "example": "monday"
                  },
                  {
                    "name": "verify",
                    "in": "query",
                    "description": "Check the copy before it gets its name.",
                    "schema": {
                      "oneOf": [
                        {"type": "boolean"},
                        {"$ref": "#/components/schemas/Empty"}
                      ],
                      "default": true
                    }
                  }
                ],
                "responses": {
                  "201": {
                    "description": "It is made.",
                    "content": {
                      "application/json": {
                        "schema": {"$ref": "#/components/schemas/Backup"},
                        "example": {
                          "name": "monday",
                          "path": "/backups/monday/data.mdb",
                          "bytes": 57344,
                          "milliseconds": 12.5,
                          "compacted": true,
                          "verified": true
                        }
                      }
                    }
                  },
                  "400": {"$ref": "#/components/responses/Malformed"},
                  "414": {"$ref": "#/components/responses/HeadTooLarge"},
                  "431": {"$ref": "#/components/responses/HeadTooLarge"},
                  "401": {"$ref": "#/components/responses/KeyRequired"},
                  "403": {"$ref": "#/components/responses/Forbidden"},
                  "421": {"$ref": "#/components/responses/ForeignHost"},
                  "429": {"$ref": "#/components/responses/TooManyRequests"},
                  "409": {"$ref": "#/components/responses/Conflict"},
                  "422": {"$ref": "#/components/responses/Invalid"},
                  "500": {"$ref": "#/components/responses/Failed"},
                  "503": {"$ref": "#/components/responses/Busy"},
                  "507": {"$ref": "#/components/responses/NoRoom"}
                }
              }
            },
            "/api/admin/stats": {
              "get": {
                "operationId": "getStatistics",
                "tags": ["Administration"],
                "summary": "What memory, store and index hold",
                "security": [{"bearer": []}, {"header": []}],
                "responses": {
                  "200": {
                    "description": "The numbers.",
                    "headers": {
                      "Vary": {"$ref": "#/components/headers/Vary"},
                      "Content-Encoding": {"$ref": "#/components/headers/ContentEncoding"}
                    },
                    "content": {
                      "application/json": {
                        "schema": {"$ref": "#/components/schemas/Statistics"}
                      }
                    }
                  },
                  "400": {"$ref": "#/components/responses/Malformed"},
                  "414": {"$ref": "#/components/responses/HeadTooLarge"},
                  "431": {"$ref": "#/components/responses/HeadTooLarge"},
                  "401": {"$ref": "#/components/responses/KeyRequired"},
                  "403": {"$ref": "#/components/responses/Forbidden"},
                  "421": {"$ref": "#/components/responses/ForeignHost"},
                  "429": {"$ref": "#/components/responses/TooManyRequests"},
                  "500": {"$ref": "#/components/responses/Failed"}
                }
              }
            },
            "/api/admin/slow": {
              "get": {
                "operationId": "getSlowRequests",
                "tags": ["Administration"],
                "summary": "Requests that took long",
                "description": "The latest requests that took longer than the server's threshold, \
        and the slowest of each route, since the start or the last reset. Routes stand for paths, \
        so there is no personal data in it. Waiting for changes is not slow.",
                "security": [{"bearer": []}, {"header": []}],
                "responses": {
                  "200": {
                    "description": "The requests.",
                    "headers": {
                      "Vary": {"$ref": "#/components/headers/Vary"},
                      "Content-Encoding": {"$ref": "#/components/headers/ContentEncoding"}
                    },
                    "content": {
                      "application/json": {
                        "schema": {"$ref": "#/components/schemas/SlowRequests"}
                      }
                    }
                  },
                  "400": {"$ref": "#/components/responses/Malformed"},
                  "414": {"$ref": "#/components/responses/HeadTooLarge"},
                  "431": {"$ref": "#/components/responses/HeadTooLarge"},
                  "401": {"$ref": "#/components/responses/KeyRequired"},
                  "403": {"$ref": "#/components/responses/Forbidden"},
                  "421": {"$ref": "#/components/responses/ForeignHost"},
                  "429": {"$ref": "#/components/responses/TooManyRequests"},
                  "500": {"$ref": "#/components/responses/Failed"}
                }
              }
            },
            "/api/admin/slow/reset": {
              "post": {
                "operationId": "resetSlowRequests",
                "tags": ["Administration"],
                "summary": "Forget the requests that took long",
                "security": [{"bearer": []}, {"header": []}],
                "responses": {
                  "200": {
                    "description": "They are forgotten.",
                    "content": {
                      "application/json": {
                        "schema": {
                          "type": "object",
                          "additionalProperties": false,
                          "required": ["status"],
                          "properties": {"status": {"type": "string", "enum": ["success"]}}
                        },
                        "example": {"status": "success"}
                      }
                    }
                  },
                  "400": {"$ref": "#/components/responses/Malformed"},
                  "414": {"$ref": "#/components/responses/HeadTooLarge"},
                  "431": {"$ref": "#/components/responses/HeadTooLarge"},
                  "401": {"$ref": "#/components/responses/KeyRequired"},
                  "403": {"$ref": "#/components/responses/Forbidden"},
                  "421": {"$ref": "#/components/responses/ForeignHost"},
                  "429": {"$ref": "#/components/responses/TooManyRequests"},
                  "500": {"$ref": "#/components/responses/Failed"}
                }
              }
            },
            "/api/admin/log-level": {
              "get": {
                "operationId": "getLogLevel",
                "tags": ["Administration"],
                "summary": "Which lines the server's log has",
                "security": [{"bearer": []}, {"header": []}],
                "responses": {
                  "200": {
                    "description": "The least severe that it has.",
                    "content": {
                      "application/json": {
                        "schema": {"$ref": "#/components/schemas/LogLevel"},
                        "example": {"level": "info"}
                      }
                    }
                  },
                  "400": {"$ref": "#/components/responses/Malformed"},
                  "414": {"$ref": "#/components/responses/HeadTooLarge"},
                  "431": {"$ref": "#/components/responses/HeadTooLarge"},
                  "422": {"$ref": "#/components/responses/Invalid"},
                  "401": {"$ref": "#/components/responses/KeyRequired"},
                  "403": {"$ref": "#/components/responses/Forbidden"},
                  "421": {"$ref": "#/components/responses/ForeignHost"},
                  "429": {"$ref": "#/components/responses/TooManyRequests"},
                  "500": {"$ref": "#/components/responses/Failed"}
                }
              },
              "post": {
                "operationId": "setLogLevel",
                "tags": ["Administration"],
                "summary": "Have more or fewer lines in the server's log",
                "description": "At once, until the server ends or a reload finds another level in \
        its configuration.",
                "security": [{"bearer": []}, {"header": []}],
                "parameters": [
                  {
                    "name": "level",
                    "in": "query",
                    "required": true,
                    "description": "The least severe that it is to have.",
                    "schema": {"$ref": "#/components/schemas/LogLevelName"},
                    "example": "debug"
                  }
                ],
                "responses": {
                  "200": {
                    "description": "The level from now on.",
                    "content": {
                      "application/json": {
                        "schema": {"$ref": "#/components/schemas/LogLevel"},
                        "example": {"level": "debug"}
                      }
                    }
                  },
                  "400": {"$ref": "#/components/responses/Malformed"},
                  "414": {"$ref": "#/components/responses/HeadTooLarge"},
                  "431": {"$ref": "#/components/responses/HeadTooLarge"},
                  "422": {"$ref": "#/components/responses/Invalid"},
                  "401": {"$ref": "#/components/responses/KeyRequired"},
                  "403": {"$ref": "#/components/responses/Forbidden"},
                  "421": {"$ref": "#/components/responses/ForeignHost"},
                  "429": {"$ref": "#/components/responses/TooManyRequests"},
                  "500": {"$ref": "#/components/responses/Failed"}
                }
              }
            },
            "/api/health": {
              "get": {
                "operationId": "getHealth",
                "tags": ["Server"],
                "summary": "Whether the process is alive",
                "description": "For liveness probes: restart the server when this fails.",
                "security": [],
                "responses": {
                  "200": {
                    "description": "It is.",
                    "content": {
                      "application/json": {
                        "schema": {"$ref": "#/components/schemas/Health"},
                        "example": {"status": "ok"}
                      }
                    }
                  },
                  "400": {"$ref": "#/components/responses/Malformed"},
                  "414": {"$ref": "#/components/responses/HeadTooLarge"},
                  "431": {"$ref": "#/components/responses/HeadTooLarge"}
                }
              }
            },
            "/api/ready": {
              "get": {
                "operationId": "getReadiness",
                "tags": ["Server"],
                "summary": "Whether the server should get requests",
                "description": "For readiness probes and load balancers. The server is ready as \
        soon as it listens, since it answers from its store while memory fills.",
                "security": [],
                "responses": {
                  "200": {
                    "description": "It should.",
                    "content": {
                      "application/json": {
                        "schema": {"$ref": "#/components/schemas/Readiness"},
                        "example": {"status": "ready", "answers_from": "memory", "fill": null}
                      }
                    }
                  },
                  "400": {"$ref": "#/components/responses/Malformed"},
                  "414": {"$ref": "#/components/responses/HeadTooLarge"},
                  "431": {"$ref": "#/components/responses/HeadTooLarge"},
                  "503": {
                    "description": "It should not; `detail` says why. Look-ups that can be \
        answered still are.",
                    "content": {
                      "application/problem+json": {
                        "schema": {"$ref": "#/components/schemas/Problem"},
                        "example": {
                          "type": "urn:cardstatus:problem:not-ready",
                          "title": "Not ready",
                          "status": 503,
                          "detail": "The server is stopping."
                        }
                      }
                    }
                  }
                }
              }
            },
            "/api/feeds": {
              "get": {
                "operationId": "listFeeds",
                "tags": ["Feeds"],
                "summary": "The feeds, and what they are at",
                "description": "A feed has one run at a time. A run that is asked for \
        meanwhile is queued, once.",
                "security": [{"bearer": []}, {"header": []}],
                "responses": {
                  "200": {
                    "description": "The feeds, in the order of the configuration.",
                    "headers": {
                      "Cache-Control": {"$ref": "#/components/headers/CacheControl"},
                      "Content-Encoding": {"$ref": "#/components/headers/ContentEncoding"},
                      "Vary": {"$ref": "#/components/headers/Vary"}
                    },
                    "content": {
                      "application/json": {
                        "schema": {"$ref": "#/components/schemas/Feeds"},
                        "example": {
                          "feeds": [
                            {
                              "id": "delivered",
                              "title": "Delivered",
                              "status": "delivered",
                              "kind": "folder",
                              "source": "/var/lib/cardstatus/inbox",
                              "every_seconds": null,
                              "running": null,
                              "queued": [],
                              "last_success_at": "2023-11-15T06:00:02Z"
                            }
                          ]
                        }
                      }
                    }
                  },
                  "400": {"$ref": "#/components/responses/Malformed"},
                  "414": {"$ref": "#/components/responses/HeadTooLarge"},
                  "431": {"$ref": "#/components/responses/HeadTooLarge"},
                  "401": {"$ref": "#/components/responses/KeyRequired"},
                  "403": {"$ref": "#/components/responses/Forbidden"},
                  "421": {"$ref": "#/components/responses/ForeignHost"},
                  "429": {"$ref": "#/components/responses/TooManyRequests"}
                }
              }
            },
            "/api/feeds/{feed_id}/refresh": {
              "post": {
                "operationId": "refreshFeed",
                "tags": ["Feeds"],
                "summary": "Read a feed's folder, or pull its address",
                "description": "Answered when the run is durable, not when it has ended. \
        While a run waits to begin, the same one is the answer.",
                "security": [{"bearer": []}, {"header": []}],
                "parameters": [{"$ref": "#/components/parameters/FeedID"}],
                "responses": {
                  "202": {
                    "description": "A run is going to begin, or waits already; `Location` \
        is the run.",
                    "headers": {
                      "Location": {"$ref": "#/components/headers/Location"},
                      "Cache-Control": {"$ref": "#/components/headers/CacheControl"}
                    },
                    "content": {
                      "application/json": {
                        "schema": {"$ref": "#/components/schemas/RunStarted"},
                        "example": {
                          "status": "success",
                          "message": "The folder of 'delivered' is going to be read.",
                          "run_id": 17
                        }
                      }
                    }
                  },
                  "400": {"$ref": "#/components/responses/Malformed"},
                  "414": {"$ref": "#/components/responses/HeadTooLarge"},
                  "431": {"$ref": "#/components/responses/HeadTooLarge"},
                  "401": {"$ref": "#/components/responses/KeyRequired"},
                  "403": {"$ref": "#/components/responses/Forbidden"},
                  "404": {"$ref": "#/components/responses/UnknownFeed"},
                  "421": {"$ref": "#/components/responses/ForeignHost"},
                  "429": {"$ref": "#/components/responses/TooManyRequests"},
                  "500": {"$ref": "#/components/responses/Failed"},
                  "503": {"$ref": "#/components/responses/Unavailable"},
                  "507": {"$ref": "#/components/responses/NoRoom"}
                }
              }
            },
            "/api/feeds/{feed_id}/files": {
              "post": {
                "operationId": "uploadFile",
                "tags": ["Feeds"],
                "summary": "Upload a file as a run",
                "description": "The body is the file itself, packed by gzip or not, as it \
        would lie in the feed's folder. It is streamed to disk and may have up to 4 GiB. A \
        file of rejects that was mended is read as such.",
                "security": [{"bearer": []}, {"header": []}],
                "parameters": [
                  {"$ref": "#/components/parameters/FeedID"},
                  {
                    "name": "name",
                    "in": "query",
                    "description": "What the file is called in reports; at most 255 bytes.",
                    "schema": {"type": "string"},
                    "example": "friday.csv"
                  }
                ],
                "requestBody": {
                  "required": false,
                  "content": {"application/octet-stream": {"schema": {"type": "string"}}}
                },
                "responses": {
                  "202": {
                    "description": "A run is going to begin, or waits already; `Location` \
        is the run.",
                    "headers": {
                      "Location": {"$ref": "#/components/headers/Location"},
                      "Cache-Control": {"$ref": "#/components/headers/CacheControl"}
                    },
                    "content": {
                      "application/json": {
                        "schema": {"$ref": "#/components/schemas/RunStarted"},
                        "example": {
                          "status": "success",
                          "message": "The file is going to be read as 'delivered'.",
                          "run_id": 17
                        }
                      }
                    }
                  },
                  "400": {"$ref": "#/components/responses/Malformed"},
                  "414": {"$ref": "#/components/responses/HeadTooLarge"},
                  "431": {"$ref": "#/components/responses/HeadTooLarge"},
                  "401": {"$ref": "#/components/responses/KeyRequired"},
                  "403": {"$ref": "#/components/responses/Forbidden"},
                  "404": {"$ref": "#/components/responses/UnknownFeed"},
                  "421": {"$ref": "#/components/responses/ForeignHost"},
                  "429": {"$ref": "#/components/responses/TooManyRequests"},
                  "500": {"$ref": "#/components/responses/Failed"},
                  "503": {"$ref": "#/components/responses/Unavailable"},
                  "507": {"$ref": "#/components/responses/NoRoom"}
                }
              }
            },
            "/api/refresh-pickup": {
              "post": {
                "operationId": "refreshPickup",
                "tags": ["Feeds"],
                "summary": "Refresh the feed 'pickup'",
                "description": "The call that earlier systems offered; the same as `POST \
        /api/feeds/pickup/refresh`.",
                "security": [{"bearer": []}, {"header": []}],
                "responses": {
                  "202": {
                    "description": "A run is going to begin, or waits already; `Location` \
        is the run.",
                    "headers": {
                      "Location": {"$ref": "#/components/headers/Location"},
                      "Cache-Control": {"$ref": "#/components/headers/CacheControl"}
                    },
                    "content": {
                      "application/json": {
                        "schema": {"$ref": "#/components/schemas/RunStarted"},
                        "example": {
                          "status": "success",
                          "message": "The folder of 'pickup' is going to be read.",
                          "run_id": 17
                        }
                      }
                    }
                  },
                  "400": {"$ref": "#/components/responses/Malformed"},
                  "414": {"$ref": "#/components/responses/HeadTooLarge"},
                  "431": {"$ref": "#/components/responses/HeadTooLarge"},
                  "401": {"$ref": "#/components/responses/KeyRequired"},
                  "403": {"$ref": "#/components/responses/Forbidden"},
                  "404": {"$ref": "#/components/responses/UnknownFeed"},
                  "421": {"$ref": "#/components/responses/ForeignHost"},
                  "429": {"$ref": "#/components/responses/TooManyRequests"},
                  "500": {"$ref": "#/components/responses/Failed"},
                  "503": {"$ref": "#/components/responses/Unavailable"},
                  "507": {"$ref": "#/components/responses/NoRoom"}
                }
              }
            },
            "/api/refresh-delivery-exceptions": {
              "post": {
                "operationId": "refreshDeliveryExceptions",
                "tags": ["Feeds"],
                "summary": "Refresh the feed 'delivery-exceptions'",
                "description": "The call that earlier systems offered; the same as `POST \
        /api/feeds/delivery-exceptions/refresh`.",
                "security": [{"bearer": []}, {"header": []}],
                "responses": {
                  "202": {
                    "description": "A run is going to begin, or waits already; `Location` \
        is the run.",
                    "headers": {
                      "Location": {"$ref": "#/components/headers/Location"},
                      "Cache-Control": {"$ref": "#/components/headers/CacheControl"}
                    },
                    "content": {
                      "application/json": {
                        "schema": {"$ref": "#/components/schemas/RunStarted"},
                        "example": {
                          "status": "success",
                          "message": "The folder of 'delivery-exceptions' is going to be read.",
                          "run_id": 17
                        }
                      }
                    }
                  },
                  "400": {"$ref": "#/components/responses/Malformed"},
                  "414": {"$ref": "#/components/responses/HeadTooLarge"},
                  "431": {"$ref": "#/components/responses/HeadTooLarge"},
                  "401": {"$ref": "#/components/responses/KeyRequired"},
                  "403": {"$ref": "#/components/responses/Forbidden"},
                  "404": {"$ref": "#/components/responses/UnknownFeed"},
                  "421": {"$ref": "#/components/responses/ForeignHost"},
                  "429": {"$ref": "#/components/responses/TooManyRequests"},
                  "500": {"$ref": "#/components/responses/Failed"},
                  "503": {"$ref": "#/components/responses/Unavailable"},
                  "507": {"$ref": "#/components/responses/NoRoom"}
                }
              }
            },
            "/api/refresh-delivered": {
              "post": {
                "operationId": "refreshDelivered",
                "tags": ["Feeds"],
                "summary": "Refresh the feed 'delivered'",
                "description": "The call that earlier systems offered; the same as `POST \
        /api/feeds/delivered/refresh`.",
                "security": [{"bearer": []}, {"header": []}],
                "responses": {
                  "202": {
                    "description": "A run is going to begin, or waits already; `Location` \
        is the run.",
                    "headers": {
                      "Location": {"$ref": "#/components/headers/Location"},
                      "Cache-Control": {"$ref": "#/components/headers/CacheControl"}
                    },
                    "content": {
                      "application/json": {
                        "schema": {"$ref": "#/components/schemas/RunStarted"},
                        "example": {
                          "status": "success",
                          "message": "The folder of 'delivered' is going to be read.",
                          "run_id": 17
                        }
                      }
                    }
                  },
                  "400": {"$ref": "#/components/responses/Malformed"},
                  "414": {"$ref": "#/components/responses/HeadTooLarge"},
                  "431": {"$ref": "#/components/responses/HeadTooLarge"},
                  "401": {"$ref": "#/components/responses/KeyRequired"},
                  "403": {"$ref": "#/components/responses/Forbidden"},
                  "404": {"$ref": "#/components/responses/UnknownFeed"},
                  "421": {"$ref": "#/components/responses/ForeignHost"},
                  "429": {"$ref": "#/components/responses/TooManyRequests"},
                  "500": {"$ref": "#/components/responses/Failed"},
                  "503": {"$ref": "#/components/responses/Unavailable"},
                  "507": {"$ref": "#/components/responses/NoRoom"}
                }
              }
            },
            "/api/refresh-returned": {
              "post": {
                "operationId": "refreshReturned",
                "tags": ["Feeds"],
                "summary": "Refresh the feed 'returned'",
                "description": "The call that earlier systems offered; the same as `POST \
        /api/feeds/returned/refresh`.",
                "security": [{"bearer": []}, {"header": []}],
                "responses": {
                  "202": {
                    "description": "A run is going to begin, or waits already; `Location` \
        is the run.",
                    "headers": {
                      "Location": {"$ref": "#/components/headers/Location"},
                      "Cache-Control": {"$ref": "#/components/headers/CacheControl"}
                    },
                    "content": {
                      "application/json": {
                        "schema": {"$ref": "#/components/schemas/RunStarted"},
                        "example": {
                          "status": "success",
                          "message": "The folder of 'returned' is going to be read.",
                          "run_id": 17
                        }
                      }
                    }
                  },
                  "400": {"$ref": "#/components/responses/Malformed"},
                  "414": {"$ref": "#/components/responses/HeadTooLarge"},
                  "431": {"$ref": "#/components/responses/HeadTooLarge"},
                  "401": {"$ref": "#/components/responses/KeyRequired"},
                  "403": {"$ref": "#/components/responses/Forbidden"},
                  "404": {"$ref": "#/components/responses/UnknownFeed"},
                  "421": {"$ref": "#/components/responses/ForeignHost"},
                  "429": {"$ref": "#/components/responses/TooManyRequests"},
                  "500": {"$ref": "#/components/responses/Failed"},
                  "503": {"$ref": "#/components/responses/Unavailable"},
                  "507": {"$ref": "#/components/responses/NoRoom"}
                }
              }
            },
            "/api/ingest": {
              "post": {
                "operationId": "ingest",
                "tags": ["Feeds"],
                "summary": "Pull every feed that has an address, and wait",
                "description": "Joins what is pulled already, and answers when all have \
        ended. The runs go on when nobody waits for them any more.",
                "security": [{"bearer": []}, {"header": []}],
                "responses": {
                  "200": {
                    "description": "All were pulled to the end.",
                    "headers": {"Cache-Control": {"$ref": "#/components/headers/CacheControl"}},
                    "content": {
                      "application/json": {
                        "schema": {"$ref": "#/components/schemas/Ingested"},
                        "example": {"status": "success", "records_processed": 0}
                      }
                    }
                  },
                  "400": {"$ref": "#/components/responses/Malformed"},
                  "414": {"$ref": "#/components/responses/HeadTooLarge"},
                  "431": {"$ref": "#/components/responses/HeadTooLarge"},
                  "401": {"$ref": "#/components/responses/KeyRequired"},
                  "403": {"$ref": "#/components/responses/Forbidden"},
                  "421": {"$ref": "#/components/responses/ForeignHost"},
                  "429": {"$ref": "#/components/responses/TooManyRequests"},
                  "500": {"$ref": "#/components/responses/Failed"},
                  "502": {
                    "description": "Some were not; `detail` names them. What was accepted \
        is kept.",
                    "content": {
                      "application/problem+json": {
                        "schema": {"$ref": "#/components/schemas/Problem"},
                        "example": {
                          "type": "urn:cardstatus:problem:upstream-failed",
                          "title": "A feed failed",
                          "status": 502,
                          "detail": "These feeds could not be pulled to the end: 'pickup' \
        (run 17): https://partner.example/pickups answers 500."
                        }
                      }
                    }
                  },
                  "503": {"$ref": "#/components/responses/Unavailable"},
                  "507": {"$ref": "#/components/responses/NoRoom"}
                }
              }
            },
            "/api/runs": {
              "get": {
                "operationId": "listRuns",
                "tags": ["Feeds"],
                "summary": "Runs, the newest first",
                "description": "The newest 1,000 are kept, for 30 days.",
                "security": [{"bearer": []}, {"header": []}],
                "parameters": [
                  {
                    "name": "feed",
                    "in": "query",
                    "description": "Runs of this feed only.",
                    "schema": {"type": "string"},
                    "example": "delivered"
                  },
                  {
                    "name": "state",
                    "in": "query",
                    "description": "Runs in this state only.",
                    "schema": {
                      "oneOf": [
                        {"$ref": "#/components/schemas/RunState"},
                        {"$ref": "#/components/schemas/Empty"}
                      ]
                    },
                    "example": "failed"
                  },
                  {
                    "name": "limit",
                    "in": "query",
                    "description": "How many at most.",
                    "schema": {
                      "oneOf": [
                        {"type": "integer", "minimum": 1, "maximum": 500},
                        {"$ref": "#/components/schemas/Empty"}
                      ],
                      "default": 50
                    }
                  },
                  {
                    "name": "cursor",
                    "in": "query",
                    "description": "`next` of the page before.",
                    "schema": {"type": "string", "pattern": "^[0-9]*$"}
                  }
                ],
                "responses": {
                  "200": {
                    "description": "A page of runs.",
                    "headers": {
                      "Cache-Control": {"$ref": "#/components/headers/CacheControl"},
                      "Content-Encoding": {"$ref": "#/components/headers/ContentEncoding"},
                      "Vary": {"$ref": "#/components/headers/Vary"}
                    },
                    "content": {
                      "application/json": {
                        "schema": {"$ref": "#/components/schemas/Runs"},
                        "example": {
                          "runs": [
                            {
                              "id": 17,
                              "feed": "delivered",
                              "kind": "folder",
                              "source": "/var/lib/cardstatus/inbox",
                              "state": "done",
                              "attempts": 1,
                              "requested_at": "2023-11-15T06:00:00Z",
                              "started_at": "2023-11-15T06:00:00Z",
                              "ended_at": "2023-11-15T06:00:02Z",
                              "totals": {
                                "bytes": 1834,
                                "documents": 0,
                                "rows": 20,
                                "accepted": 18,
                                "duplicates": 1,
                                "beyond_limit": 0,
                                "forgotten": 0,
                                "warnings": 1,
                                "warnings_by_reason": {"phone_lost_digits": 1},
                                "rejects": 1,
                                "rejects_by_reason": {"timestamp_format": 1}
                              },
                              "files": [
                                {
                                  "name": "delivered.csv",
                                  "bytes": 1834,
                                  "rows": 20,
                                  "failure": null
                                }
                              ],
                              "message": null
                            }
                          ],
                          "next": null
                        }
                      }
                    }
                  },
                  "400": {"$ref": "#/components/responses/Malformed"},
                  "414": {"$ref": "#/components/responses/HeadTooLarge"},
                  "431": {"$ref": "#/components/responses/HeadTooLarge"},
                  "401": {"$ref": "#/components/responses/KeyRequired"},
                  "403": {"$ref": "#/components/responses/Forbidden"},
                  "421": {"$ref": "#/components/responses/ForeignHost"},
                  "429": {"$ref": "#/components/responses/TooManyRequests"},
                  "500": {"$ref": "#/components/responses/Failed"}
                }
              }
            },
            "/api/runs/{run_id}": {
              "get": {
                "operationId": "getRun",
                "tags": ["Feeds"],
                "summary": "A run",
                "description": "While it runs, with what is counted so far.",
                "security": [{"bearer": []}, {"header": []}],
                "parameters": [{"$ref": "#/components/parameters/RunID"}],
                "responses": {
                  "200": {
                    "description": "The run.",
                    "headers": {
                      "Cache-Control": {"$ref": "#/components/headers/CacheControl"},
                      "Content-Encoding": {"$ref": "#/components/headers/ContentEncoding"},
                      "Vary": {"$ref": "#/components/headers/Vary"}
                    },
                    "content": {
                      "application/json": {
                        "schema": {"$ref": "#/components/schemas/Run"},
                        "example": {
                          "id": 17,
                          "feed": "delivered",
                          "kind": "folder",
                          "source": "/var/lib/cardstatus/inbox",
                          "state": "done",
                          "attempts": 1,
                          "requested_at": "2023-11-15T06:00:00Z",
                          "started_at": "2023-11-15T06:00:00Z",
                          "ended_at": "2023-11-15T06:00:02Z",
                          "totals": {
                            "bytes": 1834,
                            "documents": 0,
                            "rows": 20,
                            "accepted": 18,
                            "duplicates": 1,
                            "beyond_limit": 0,
                            "forgotten": 0,
                            "warnings": 1,
                            "warnings_by_reason": {"phone_lost_digits": 1},
                            "rejects": 1,
                            "rejects_by_reason": {"timestamp_format": 1}
                          },
                          "files": [
                            {
                              "name": "delivered.csv",
                              "bytes": 1834,
                              "rows": 20,
                              "failure": null
                            }
                          ],
                          "message": null
                        }
                      }
                    }
                  },
                  "400": {"$ref": "#/components/responses/Malformed"},
                  "414": {"$ref": "#/components/responses/HeadTooLarge"},
                  "431": {"$ref": "#/components/responses/HeadTooLarge"},
                  "401": {"$ref": "#/components/responses/KeyRequired"},
                  "403": {"$ref": "#/components/responses/Forbidden"},
                  "404": {"$ref": "#/components/responses/UnknownRun"},
                  "421": {"$ref": "#/components/responses/ForeignHost"},
                  "429": {"$ref": "#/components/responses/TooManyRequests"},
                  "500": {"$ref": "#/components/responses/Failed"}
                }
              }
            },
            "/api/runs/{run_id}/rejects": {
              "get": {
                "operationId": "getRejects",
                "tags": ["Feeds"],
                "summary": "The rejected rows of a run",
                "description": "As a file that can be mended, in the column `raw_row`, and \
        loaded or uploaded again. While the run goes on there are none yet.",
                "security": [{"bearer": []}, {"header": []}],
                "parameters": [
                  {"$ref": "#/components/parameters/RunID"},
                  {
                    "name": "kind",
                    "in": "query",
                    "description": "Rejected rows, or those with warnings.",
                    "schema": {
                      "oneOf": [
                        {"type": "string", "enum": ["rejects", "warnings"]},
                        {"$ref": "#/components/schemas/Empty"}
                      ],
                      "default": "rejects"
                    }
                  },
                  {
                    "name": "cursor",
                    "in": "query",
                    "description": "What the header `Link` of the page before has.",
                    "schema": {"type": "string", "pattern": "^[0-9]*$"}
                  }
                ],
                "responses": {
                  "200": {
                    "description": "Whole rows, about 8 MiB of them, below a header.",
                    "headers": {
                      "Cache-Control": {"$ref": "#/components/headers/CacheControl"},
                      "Link": {"$ref": "#/components/headers/NextPage"}
                    },
                    "content": {
                      "text/csv": {
                        "schema": {"type": "string"},
                        "example": "file,line,column,reason,message,feed,header,raw_row\\n"
                      }
                    }
                  },
                  "400": {"$ref": "#/components/responses/Malformed"},
                  "414": {"$ref": "#/components/responses/HeadTooLarge"},
                  "431": {"$ref": "#/components/responses/HeadTooLarge"},
                  "401": {"$ref": "#/components/responses/KeyRequired"},
                  "403": {"$ref": "#/components/responses/Forbidden"},
                  "404": {"$ref": "#/components/responses/UnknownRun"},
                  "421": {"$ref": "#/components/responses/ForeignHost"},
                  "429": {"$ref": "#/components/responses/TooManyRequests"},
                  "500": {"$ref": "#/components/responses/Failed"},
                  "503": {"$ref": "#/components/responses/Unavailable"}
                }
              }
            },
            "/metrics": {
              "get": {
                "operationId": "getMetrics",
                "tags": ["Server"],
                "summary": "Metrics for Prometheus",
                "description": "Prometheus's text format, version 0.0.4. Labels name routes, \
        never cards or phones.",
                "security": [{"bearer": []}, {"header": []}],
                "responses": {
                  "200": {
                    "description": "The metrics.",
                    "headers": {
                      "Vary": {"$ref": "#/components/headers/Vary"},
                      "Content-Encoding": {"$ref": "#/components/headers/ContentEncoding"}
                    },
                    "content": {
                      "text/plain": {
                        "schema": {"type": "string"},
                        "example": "# HELP cardstatus_cards Cards in the store.\\n# TYPE \
        cardstatus_cards gauge\\ncardstatus_cards 3\\n"
                      }
                    }
                  },
                  "400": {"$ref": "#/components/responses/Malformed"},
                  "414": {"$ref": "#/components/responses/HeadTooLarge"},
                  "431": {"$ref": "#/components/responses/HeadTooLarge"},
                  "401": {"$ref": "#/components/responses/KeyRequired"},
                  "421": {"$ref": "#/components/responses/ForeignHost"},
                  "429": {"$ref": "#/components/responses/TooManyRequests"},
                  "500": {"$ref": "#/components/responses/Failed"}
                }
              }
            },
            "/openapi.json": {
              "get": {
                "operationId": "getContract",
                "tags": ["Server"],
                "summary": "This document",
                "security": [],
                "responses": {
                  "200": {
                    "description": "The contract, in OpenAPI 3.1.",
                    "headers": {
                      "Vary": {"$ref": "#/components/headers/Vary"},
                      "Content-Encoding": {"$ref": "#/components/headers/ContentEncoding"}
                    },
                    "content": {"application/json": {"schema": {"type": "object"}}}
                  },
                  "400": {"$ref": "#/components/responses/Malformed"},
                  "414": {"$ref": "#/components/responses/HeadTooLarge"},
                  "431": {"$ref": "#/components/responses/HeadTooLarge"},
                  "429": {"$ref": "#/components/responses/TooManyRequests"}
                }
              }
            }
          },
          "components": {
            "securitySchemes": {
              "bearer": {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "`cs_` and 64 hexadecimal digits",
                "description": "An API key as `Authorization: Bearer KEY`. `cardstatus key \
        create` makes one. Send it in one header only. Its role decides what it is good for: \
        `lookup`; `agent` and `ingest`, which include `lookup`; `admin`, which includes all."
              },
              "header": {
                "type": "apiKey",
                "in": "header",
                "name": "X-API-Key",
                "description": "The same key in a header of its own."
              }
            },
            "parameters": {
              "FeedID": {
                "name": "feed_id",
                "in": "path",
                "required": true,
                "description": "The feed's ID in the configuration.",
                "schema": {"type": "string"},
                "example": "delivered"
              },
              "RunID": {
                "name": "run_id",
                "in": "path",
                "required": true,
                "description": "The run's number.",
                "schema": {"type": "integer", "minimum": 1},
                "example": 17
              },
              "IfNoneMatch": {
                "name": "If-None-Match",
                "in": "header",
                "description": "Entity tags that the client has, or `*`. When the answer's is \
        among them, it is 304. Weak tags compare equal to strong ones.",
                "schema": {"type": "string"},
                "example": "\\"06d5c7346d5c35bf\\""
              },
              "CardID": {
                "name": "card_id",
                "in": "path",
                "required": true,
                "description": "The card's ID. Letters may be of either case.",
                "schema": {"$ref": "#/components/schemas/WrittenCardID"},
                "example": "ZYW8827"
              },
              "Region": {
                "name": "region",
                "in": "query",
                "description": "The country, by its ISO 3166-1 code of two letters, from which \
        a phone without a country code is dialled. Without it, the server's default region.",
                "schema": {"type": "string", "pattern": "^([A-Za-z]{2})?$"},
                "example": "AE"
              }
            },
            "headers": {
              "Location": {
                "description": "The run.",
                "required": true,
                "schema": {"type": "string", "pattern": "^/api/runs/[0-9]+$"}
              },
              "NextPage": {
                "description": "Where the next page is, with `rel=\\"next\\"`; not there \
        behind the last.",
                "required": false,
                "schema": {"type": "string"}
              },
              "ETag": {
                "description": "A strong entity tag: the same for the same state of a card, on \
        every server and after every restart. A packed answer has another than a plain one.",
                "required": true,
                "schema": {"type": "string", "pattern": "^\\"[0-9a-f]{16}(-gz)?\\"$"}
              },
              "Vary": {
                "description": "Of an answer with a body of more than 1 KiB, which is packed for \
        clients that accept it.",
                "schema": {"type": "string", "enum": ["Accept-Encoding"]}
              },
              "ContentEncoding": {
                "description": "When the body is packed.",
                "schema": {"type": "string", "enum": ["gzip"]}
              },
              "CacheControl": {
                "description": "Personal data must not stay in a shared cache.",
                "required": true,
                "schema": {"type": "string", "enum": ["private, no-cache"]}
              },
              "Allow": {
                "description": "The methods that the path has.",
                "required": true,
                "schema": {"type": "string"},
                "example": "GET, HEAD"
              },
              "RetryAfter": {
                "description": "Seconds after which to try again.",
                "schema": {"type": "string", "pattern": "^[0-9]+$"},
                "example": "1"
              },
              "RateLimitLimit": {
                "description": "How many requests may come at once after a pause.",
                "schema": {"type": "string", "pattern": "^[0-9]+$"},
                "example": "200"
              },
              "RateLimitRemaining": {
                "description": "How many may come now.",
                "schema": {"type": "string", "pattern": "^[0-9]+$"},
                "example": "0"
              },
              "RateLimitReset": {
                "description": "Seconds until there is room for one more.",
                "schema": {"type": "string", "pattern": "^[0-9]+$"},
                "example": "1"
              },
              "WWWAuthenticate": {
                "description": "How to send a key.",
                "required": true,
                "schema": {"type": "string"},
                "example": "Bearer realm=\\"cardstatus\\""
              }
            },
            "responses": {
              "UnknownFeed": {
                "description": "The configuration has no such feed.",
                "content": {
                  "application/problem+json": {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "example": {
                      "type": "urn:cardstatus:problem:unknown-feed",
                      "title": "Unknown feed",
                      "status": 404,
                      "detail": "The configuration has no feed of this name; /api/feeds \
        lists them."
                    }
                  }
                }
              },
              "UnknownRun": {
                "description": "There is no such run, or it was forgotten.",
                "content": {
                  "application/problem+json": {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "example": {
                      "type": "urn:cardstatus:problem:unknown-run",
                      "title": "Unknown run",
                      "status": 404,
                      "detail": "There is no run of this number, or it is so old that it \
        was forgotten."
                    }
                  }
                }
              },
              "Unavailable": {
                "description": "The server stops, or has more to do than it can take.",
                "headers": {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}},
                "content": {
                  "application/problem+json": {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "example": {
                      "type": "urn:cardstatus:problem:not-ready",
                      "title": "Not ready",
                      "status": 503,
                      "detail": "The server is stopping."
                    }
                  }
                }
              },
              "Malformed": {
                "description": "The request is malformed; `detail` says where.",
                "content": {
                  "application/problem+json": {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "example": {
                      "type": "urn:cardstatus:problem:malformed",
                      "title": "Malformed request",
                      "status": 400,
                      "detail": "The parameter 'phone' is missing."
                    }
                  }
                }
              },
              "HeadTooLarge": {
                "description": "The request line, or the headers, are too long. What is sent \
        with it, a line for people, has no media type."
              },
              "KeyRequired": {
                "description": "There is no valid API key in the request, or more than one, or it \
        has expired.",
                "headers": {
                  "WWW-Authenticate": {"$ref": "#/components/headers/WWWAuthenticate"}
                },
                "content": {
                  "application/problem+json": {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "example": {
                      "type": "urn:cardstatus:problem:unauthorized",
                      "title": "API key required",
                      "status": 401,
                      "detail": "Send a valid API key as 'Authorization: Bearer KEY' or \
        'X-API-Key: KEY'."
                    }
                  }
                }
              },
              "ForeignHost": {
                "description": "The server has no API keys and was asked under a name that is \
        not its own, as a web page on another host would have a browser ask.",
                "content": {
                  "application/problem+json": {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "example": {
                      "type": "urn:cardstatus:problem:foreign-host",
                      "title": "Foreign host",
                      "status": 421,
                      "detail": "Without API keys this server answers as localhost, by its \
        address, and by the names that it was given with --host."
                    }
                  }
                }
              },
              "TooManyRequests": {
                "description": "More requests with this key, or from this client, than the \
        server allows.",
                "headers": {
                  "Retry-After": {"$ref": "#/components/headers/RetryAfter"},
                  "RateLimit-Limit": {"$ref": "#/components/headers/RateLimitLimit"},
                  "RateLimit-Remaining": {"$ref": "#/components/headers/RateLimitRemaining"},
                  "RateLimit-Reset": {"$ref": "#/components/headers/RateLimitReset"}
                },
                "content": {
                  "application/problem+json": {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "example": {
                      "type": "urn:cardstatus:problem:too-many-requests",
                      "title": "Too many requests",
                      "status": 429,
                      "detail": "This client asks more often than it may; Retry-After says when \
        to ask again."
                    }
                  }
                }
              },
              "Forbidden": {
                "description": "The API key is valid, and its role does not include this call.",
                "headers": {
                  "WWW-Authenticate": {"$ref": "#/components/headers/WWWAuthenticate"}
                },
                "content": {
                  "application/problem+json": {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "example": {
                      "type": "urn:cardstatus:problem:forbidden",
                      "title": "Not allowed",
                      "status": 403,
                      "detail": "The API key is valid, but its role does not include this call."
                    }
                  }
                }
              },
              "UnknownCard": {
                "description": "Nothing is known of the card.",
                "content": {
                  "application/problem+json": {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "example": {
                      "type": "urn:cardstatus:problem:unknown-card",
                      "title": "Unknown card",
                      "status": 404,
                      "detail": "Nothing that counts has been reported about this card."
                    }
                  }
                }
              },
              "UnknownCustomer": {
                "description": "The latest complete pull had no such customer.",
                "content": {
                  "application/problem+json": {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "example": {
                      "type": "urn:cardstatus:problem:unknown-customer",
                      "title": "Unknown customer",
                      "status": 404,
                      "detail": "The latest complete pull of customers had none with this ID."
                    }
                  }
                }
              },
              "InvalidParameter": {
                "description": "A parameter has a value that it cannot have; `detail` says which.",
                "content": {
                  "application/problem+json": {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "example": {
                      "type": "urn:cardstatus:problem:invalid-parameter",
                      "title": "Invalid parameter",
                      "status": 422,
                      "detail": "The parameter 'page' must be a whole number from 1 on."
                    }
                  }
                }
              },
              "BatchTooLarge": {
                "description": "The batch has too many keys, or too large an answer, or the body \
        is too large.",
                "content": {
                  "application/problem+json": {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "example": {
                      "type": "urn:cardstatus:problem:body-too-large",
                      "title": "Body too large",
                      "status": 413,
                      "detail": "A batch has at most 10000 keys."
                    }
                  }
                }
              },
              "UnsupportedMediaType": {
                "description": "The body is of another type.",
                "content": {
                  "application/problem+json": {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "example": {
                      "type": "urn:cardstatus:problem:unsupported-media-type",
                      "title": "Unsupported media type",
                      "status": 415,
                      "detail": "Content-Type must be application/json or text/plain, in UTF-8."
                    }
                  }
                }
              },
              "TooManyItems": {
                "description": "The request has more than 10,000 items, or the body is too large.",
                "content": {
                  "application/problem+json": {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "example": {
                      "type": "urn:cardstatus:problem:body-too-large",
                      "title": "Body too large",
                      "status": 413,
                      "detail": "A request has at most 10000 items."
                    }
                  }
                }
              },
              "InvalidItems": {
                "description": "The request is JSON, and something is wrong with its \
        items: nothing was written. `errors` lists the first hundred.",
                "headers": {
                  "Vary": {"$ref": "#/components/headers/Vary"},
                  "Content-Encoding": {"$ref": "#/components/headers/ContentEncoding"}
                },
                "content": {
                  "application/problem+json": {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "example": {
                      "type": "urn:cardstatus:problem:invalid",
                      "title": "Invalid",
                      "status": 422,
                      "detail": "Nothing was written: 1 things are wrong with the items.",
                      "errors": {
                        "count": 1,
                        "first": [
                          {"index": 0, "field": "occurred_at", "reason": "it is required"}
                        ]
                      }
                    }
                  }
                }
              },
              "Invalid": {
                "description": "What the call would put into effect is not valid, or there is \
        no such thing; nothing was changed.",
                "content": {
                  "application/problem+json": {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "example": {
                      "type": "urn:cardstatus:problem:invalid",
                      "title": "Invalid",
                      "status": 422,
                      "detail": "Nothing was changed: the server has no certificates."
                    }
                  }
                }
              },
              "Conflict": {
                "description": "Another call of the kind is under way, or the name is taken. \
        Nothing was done.",
                "content": {
                  "application/problem+json": {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "example": {
                      "type": "urn:cardstatus:problem:conflict",
                      "title": "Conflict",
                      "status": 409,
                      "detail": "Another backup is being made."
                    }
                  }
                }
              },
              "ChangesGone": {
                "description": "The log no longer reaches back to `since`, or never came \
        there. `oldest` is its first number.",
                "content": {
                  "application/problem+json": {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "example": {
                      "type": "urn:cardstatus:problem:changes-gone",
                      "title": "Changes gone",
                      "status": 410,
                      "detail": "The change log does not reach from there to here; it begins at \
        21. Read what you need anew, then follow it from there.",
                      "oldest": 21
                    }
                  }
                }
              },
              "NotWritten": {
                "description": "The writer's queue is full (`busy`: nothing was written), the \
        answer took too long (`not-ready`: it may still happen), or writing has failed for good \
        (`writing-stopped`). Sending the same again is safe.",
                "headers": {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}},
                "content": {
                  "application/problem+json": {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "example": {
                      "type": "urn:cardstatus:problem:busy",
                      "title": "Busy",
                      "status": 503,
                      "detail": "The server has more work than it can take; Retry-After says when \
        to ask again."
                    }
                  }
                }
              },
              "NoRoom": {
                "description": "The store's map, or the disk, has no room: nothing was written. \
        Writing comes back by itself when there is room.",
                "content": {
                  "application/problem+json": {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "example": {
                      "type": "urn:cardstatus:problem:no-room",
                      "title": "No room",
                      "status": 507,
                      "detail": "Nothing was written: there is no space left on the disk of 'data'."
                    }
                  }
                }
              },
              "MethodNotAllowed": {
                "description": "The path has other methods than the request's. `Allow` \
        lists them.",
                "headers": {"Allow": {"$ref": "#/components/headers/Allow"}},
                "content": {
                  "application/problem+json": {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "example": {
                      "type": "urn:cardstatus:problem:method-not-allowed",
                      "title": "Method not allowed",
                      "status": 405,
                      "detail": "This path allows GET, HEAD."
                    }
                  }
                }
              },
              "Busy": {
                "description": "More is waited for than the server allows, or the answer took too \
        long. `Retry-After` says when to ask again.",
                "headers": {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}},
                "content": {
                  "application/problem+json": {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "example": {
                      "type": "urn:cardstatus:problem:busy",
                      "title": "Busy",
                      "status": 503,
                      "detail": "The server has more work than it can take; Retry-After says when \
        to ask again."
                    }
                  }
                }
              },
              "Failed": {
                "description": "The answer could not be read from the store. The server's log \
        says why; other cards may still be answered.",
                "content": {
                  "application/problem+json": {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "example": {
                      "type": "urn:cardstatus:problem:failed",
                      "title": "The server failed",
                      "status": 500,
                      "detail": "The answer could not be read from the store; the server's log \
        says why."
                    }
                  }
                }
              }
            },
            "schemas": {
              "RunStarted": {
                "description": "That a run is going to begin.",
                "type": "object",
                "required": ["status", "message", "run_id"],
                "properties": {
                  "status": {"type": "string", "enum": ["success"]},
                  "message": {"type": "string"},
                  "run_id": {"type": "integer", "minimum": 1}
                }
              },
              "Ingested": {
                "description": "What pulls have read.",
                "type": "object",
                "required": ["status", "records_processed"],
                "properties": {
                  "status": {"type": "string", "enum": ["success"]},
                  "records_processed": {
                    "description": "Records and rows of all pulls, rejected ones too.",
                    "type": "integer",
                    "minimum": 0
                  }
                }
              },
              "Feed": {
                "description": "A feed.",
                "type": "object",
                "required": [
                  "id",
                  "title",
                  "status",
                  "kind",
                  "source",
                  "every_seconds",
                  "running",
                  "queued",
                  "last_success_at"
                ],
                "properties": {
                  "id": {"type": "string"},
                  "title": {"type": "string"},
                  "status": {
                    "description": "What its rows say happened to their cards; null for a feed of \
        customers.",
                    "oneOf": [{"$ref": "#/components/schemas/Status"}, {"type": "null"}]
                  },
                  "kind": {"type": "string", "enum": ["folder", "pull"]},
                  "source": {
                    "description": "The folder, or the address without its query.",
                    "type": "string"
                  },
                  "every_seconds": {
                    "description": "How often it is pulled; null for what is only read when \
        something comes, or somebody asks.",
                    "type": ["number", "null"]
                  },
                  "running": {
                    "description": "The number of the run that is being read.",
                    "type": ["integer", "null"]
                  },
                  "queued": {
                    "description": "Runs that wait for it.",
                    "type": "array",
                    "items": {"type": "integer"}
                  },
                  "last_success_at": {
                    "oneOf": [{"$ref": "#/components/schemas/Time"}, {"type": "null"}]
                  }
                }
              },
              "Feeds": {
                "description": "All feeds.",
                "type": "object",
                "required": ["feeds"],
                "properties": {
                  "feeds": {"type": "array", "items": {"$ref": "#/components/schemas/Feed"}}
                }
              },
              "RunState": {
                "description": "What is cut off by the end of the server is `interrupted`, \
        and starts again by itself.",
                "type": "string",
                "enum": ["queued", "running", "done", "failed", "interrupted"]
              },
              "RunTotals": {
                "description": "What was counted. `duplicates` were known already; \
        `beyond_limit` and `forgotten` are events beyond the 512 that a card keeps.",
                "type": "object",
                "required": [
                  "bytes",
                  "documents",
                  "rows",
                  "accepted",
                  "duplicates",
                  "beyond_limit",
                  "forgotten",
                  "warnings",
                  "warnings_by_reason",
                  "rejects",
                  "rejects_by_reason"
                ],
                "properties": {
                  "bytes": {"type": "integer", "minimum": 0},
                  "documents": {
                    "description": "Documents that were pulled.",
                    "type": "integer",
                    "minimum": 0
                  },
                  "rows": {
                    "description": "Rows or records.",
                    "type": "integer",
                    "minimum": 0
                  },
                  "accepted": {"type": "integer", "minimum": 0},
                  "duplicates": {"type": "integer", "minimum": 0},
                  "beyond_limit": {"type": "integer", "minimum": 0},
                  "forgotten": {"type": "integer", "minimum": 0},
                  "warnings": {"type": "integer", "minimum": 0},
                  "warnings_by_reason": {
                    "type": "object",
                    "additionalProperties": {"type": "integer", "minimum": 0}
                  },
                  "rejects": {"type": "integer", "minimum": 0},
                  "rejects_by_reason": {
                    "type": "object",
                    "additionalProperties": {"type": "integer", "minimum": 0}
                  }
                }
              },
              "RunFile": {
                "description": "A file of a run.",
                "type": "object",
                "required": ["name", "bytes", "rows", "failure"],
                "properties": {
                  "name": {"type": "string"},
                  "bytes": {"type": "integer", "minimum": 0},
                  "rows": {"type": "integer", "minimum": 0},
                  "failure": {
                    "description": "Why it was not read to the end.",
                    "type": ["string", "null"]
                  }
                }
              },
              "Run": {
                "description": "A reading of a feed's data.",
                "type": "object",
                "required": [
                  "id",
                  "feed",
                  "kind",
                  "source",
                  "state",
                  "attempts",
                  "requested_at",
                  "started_at",
                  "ended_at",
                  "totals",
                  "files",
                  "message"
                ],
                "properties": {
                  "id": {"type": "integer", "minimum": 1},
                  "feed": {"type": "string"},
                  "kind": {"type": "string", "enum": ["folder", "pull", "upload"]},
                  "source": {
                    "description": "The folder, the address without its query, or the name \
        of the upload.",
                    "type": "string"
                  },
                  "state": {"$ref": "#/components/schemas/RunState"},
                  "attempts": {
                    "description": "How often it was begun.",
                    "type": "integer",
                    "minimum": 0
                  },
                  "requested_at": {"$ref": "#/components/schemas/Time"},
                  "started_at": {
                    "oneOf": [{"$ref": "#/components/schemas/Time"}, {"type": "null"}]
                  },
                  "ended_at": {
                    "oneOf": [{"$ref": "#/components/schemas/Time"}, {"type": "null"}]
                  },
                  "totals": {"$ref": "#/components/schemas/RunTotals"},
                  "files": {
                    "type": "array",
                    "items": {"$ref": "#/components/schemas/RunFile"}
                  },
                  "message": {
                    "description": "Why it failed, or what else a person should know.",
                    "type": ["string", "null"]
                  }
                }
              },
              "Runs": {
                "description": "A page of runs.",
                "type": "object",
                "required": ["runs", "next"],
                "properties": {
                  "runs": {"type": "array", "items": {"$ref": "#/components/schemas/Run"}},
                  "next": {
                    "description": "The `cursor` of the next page.",
                    "type": ["string", "null"]
                  }
                }
              },
              "CardID": {
                "description": "A card's ID in canonical form.",
                "type": "string",
                "pattern": "^[A-Z0-9._-]{1,32}$"
              },
              "WrittenCardID": {
                "description": "A card's ID as people write it.",
                "type": "string",
                "pattern": "^[A-Za-z0-9._-]{1,32}$"
              },
              "Phone": {
                "description": "A phone number in E.164 form.",
                "type": "string",
                "pattern": "^[+][1-9][0-9]{0,18}$"
              },
              "PhoneOrNull": {
                "description": "A phone number in E.164 form; null when none is known.",
                "type": ["string", "null"],
                "pattern": "^[+][1-9][0-9]{0,18}$"
              },
              "WrittenPhone": {
                "description": "A phone number as people write it.",
                "type": "string",
                "minLength": 1
              },
              "Status": {
                "description": "What a partner last said of the card.",
                "type": "string",
                "enum": ["picked_up", "delivery_exception", "delivered", "returned"]
              },
              "Time": {
                "description": "A moment in UTC, to the second, from 2000 to 2099.",
                "type": "string",
                "format": "date-time",
                "pattern": "^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"
              },
              "Comment": {
                "description": "The partner's words, at most 1,024 bytes of UTF-8; null for \
        none.",
                "type": ["string", "null"],
                "minLength": 1,
                "maxLength": 1024
              },
              "Reference": {
                "description": "The partner's own ID of the report, at most 64 bytes of UTF-8; \
        null for none.",
                "type": ["string", "null"],
                "minLength": 1,
                "maxLength": 64
              },
              "EventCursor": {
                "description": "Where a page of events ended.",
                "type": "string",
                "pattern": "^([0-9a-f]{2}){7,102}$"
              },
              "Card": {
                "description": "The current state of a card.",
                "type": "object",
                "required": [
                  "card_id", "phone", "status", "updated_at", "comment", "reference"
                ],
                "properties": {
                  "card_id": {"$ref": "#/components/schemas/CardID"},
                  "phone": {"$ref": "#/components/schemas/PhoneOrNull"},
                  "status": {"$ref": "#/components/schemas/Status"},
                  "updated_at": {"$ref": "#/components/schemas/Time"},
                  "comment": {"$ref": "#/components/schemas/Comment"},
                  "reference": {"$ref": "#/components/schemas/Reference"}
                }
              },
              "CardPage": {
                "type": "object",
                "required": ["phone", "cards", "next"],
                "properties": {
                  "phone": {"$ref": "#/components/schemas/Phone"},
                  "cards": {
                    "description": "In the order of the IDs' bytes.",
                    "type": "array",
                    "maxItems": 100,
                    "items": {"$ref": "#/components/schemas/Card"}
                  },
                  "next": {
                    "description": "The cursor of the next page; null on the last one.",
                    "oneOf": [
                      {"$ref": "#/components/schemas/CardID"},
                      {"type": "null"}
                    ]
                  }
                }
              },
              "BatchRequest": {
                "description": "At least one of the members; no others. 10,000 keys in all.",
                "type": "object",
                "minProperties": 1,
                "additionalProperties": false,
                "properties": {
                  "card_ids": {"type": "array", "maxItems": 10000, "items": {"type": "string"}},
                  "phones": {"type": "array", "maxItems": 10000, "items": {"type": "string"}}
                }
              },
              "BatchAnswer": {
                "type": "object",
                "required": ["results"],
                "properties": {
                  "results": {
                    "type": "array",
                    "maxItems": 10000,
                    "items": {
                      "oneOf": [
                        {"$ref": "#/components/schemas/FoundCard"},
                        {"$ref": "#/components/schemas/AbsentCard"},
                        {"$ref": "#/components/schemas/BadCardID"},
                        {"$ref": "#/components/schemas/PhoneResult"},
                        {"$ref": "#/components/schemas/BadPhone"}
                      ]
                    }
                  }
                }
              },
              "FoundCard": {
                "description": "The current state of a card.",
                "type": "object",
                "required": [
                  "card_id", "found", "phone", "status", "updated_at", "comment", "reference"
                ],
                "properties": {
                  "card_id": {"$ref": "#/components/schemas/CardID"},
                  "found": {"type": "boolean", "enum": [true]},
                  "phone": {"$ref": "#/components/schemas/PhoneOrNull"},
                  "status": {"$ref": "#/components/schemas/Status"},
                  "updated_at": {"$ref": "#/components/schemas/Time"},
                  "comment": {"$ref": "#/components/schemas/Comment"},
                  "reference": {"$ref": "#/components/schemas/Reference"}
                }
              },
              "AbsentCard": {
                "description": "A card of which nothing that counts is known.",
                "type": "object",
                "required": ["card_id", "found"],
                "properties": {
                  "card_id": {"$ref": "#/components/schemas/CardID"},
                  "found": {"type": "boolean", "enum": [false]}
                }
              },
              "BadCardID": {
                "description": "A key that is no card ID, as it was sent, and why.",
                "type": "object",
                "required": ["card_id", "error"],
                "properties": {
                  "card_id": {"type": "string"},
                  "error": {"type": "string", "minLength": 1}
                }
              },
              "PhoneResult": {
                "description": "A phone's first cards; `/api/cards` has the others, from `next` \
        on.",
                "type": "object",
                "required": ["phone", "found", "cards", "next"],
                "properties": {
                  "phone": {"$ref": "#/components/schemas/Phone"},
                  "found": {"type": "boolean"},
                  "cards": {
                    "description": "In the order of the IDs' bytes.",
                    "type": "array",
                    "maxItems": 100,
                    "items": {"$ref": "#/components/schemas/Card"}
                  },
                  "next": {
                    "description": "The cursor of the next page; null on the last one.",
                    "oneOf": [
                      {"$ref": "#/components/schemas/CardID"},
                      {"type": "null"}
                    ]
                  }
                }
              },
              "BadPhone": {
                "description": "A key that is no phone number, as it was sent, and why.",
                "type": "object",
                "required": ["phone", "error"],
                "properties": {
                  "phone": {"type": "string"},
                  "error": {"type": "string", "minLength": 1}
                }
              },
              "Event": {
                "description": "One thing that a partner reported.",
                "type": "object",
                "required": [
                  "status", "occurred_at", "phone", "comment", "reference", "feed", "void"
                ],
                "properties": {
                  "status": {"$ref": "#/components/schemas/Status"},
                  "occurred_at": {"$ref": "#/components/schemas/Time"},
                  "phone": {"$ref": "#/components/schemas/PhoneOrNull"},
                  "comment": {"$ref": "#/components/schemas/Comment"},
                  "reference": {"$ref": "#/components/schemas/Reference"},
                  "feed": {
                    "description": "The feed that it came from.",
                    "type": "string",
                    "pattern": "^[a-z0-9-]{1,32}$"
                  },
                  "void": {
                    "description": "Whether it was undone, so that it does not count.",
                    "type": "boolean"
                  }
                }
              },
              "HistoryPage": {
                "type": "object",
                "required": ["card_id", "events", "next"],
                "properties": {
                  "card_id": {"$ref": "#/components/schemas/CardID"},
                  "events": {
                    "type": "array",
                    "maxItems": 1000,
                    "items": {"$ref": "#/components/schemas/Event"}
                  },
                  "next": {
                    "description": "The cursor of the next page; null on the last one.",
                    "oneOf": [
                      {"$ref": "#/components/schemas/EventCursor"},
                      {"type": "null"}
                    ]
                  }
                }
              },
              "EventPosition": {
                "description": "Where a page of all cards' events ended.",
                "type": "string",
                "pattern": "^([0-9a-f]{2}){18,49}$"
              },
              "CardEvent": {
                "description": "One thing that a partner reported of a card.",
                "type": "object",
                "required": [
                  "card_id", "status", "occurred_at", "phone", "comment", "reference", "feed",
                  "void"
                ],
                "properties": {
                  "card_id": {"$ref": "#/components/schemas/CardID"},
                  "status": {"$ref": "#/components/schemas/Status"},
                  "occurred_at": {"$ref": "#/components/schemas/Time"},
                  "phone": {"$ref": "#/components/schemas/PhoneOrNull"},
                  "comment": {"$ref": "#/components/schemas/Comment"},
                  "reference": {"$ref": "#/components/schemas/Reference"},
                  "feed": {
                    "description": "The feed that it came from.",
                    "type": "string",
                    "pattern": "^[a-z0-9-]{1,32}$"
                  },
                  "void": {
                    "description": "Whether it was undone, so that it does not count.",
                    "type": "boolean"
                  }
                }
              },
              "EventPage": {
                "type": "object",
                "required": ["events", "next"],
                "properties": {
                  "events": {
                    "type": "array",
                    "maxItems": 1000,
                    "items": {"$ref": "#/components/schemas/CardEvent"}
                  },
                  "next": {
                    "description": "The cursor of the next page; null on the last one.",
                    "oneOf": [
                      {"$ref": "#/components/schemas/EventPosition"},
                      {"type": "null"}
                    ]
                  }
                }
              },
              "CustomerID": {
                "description": "What the customer is called where they come from.",
                "type": "string",
                "minLength": 1,
                "maxLength": 64
              },
              "CustomerName": {"type": ["string", "null"], "minLength": 1, "maxLength": 128},
              "Customer": {
                "description": "A customer; null for what is not known.",
                "type": "object",
                "required": [
                  "customer_id", "first_name", "last_name", "email", "phone", "address",
                  "date_of_birth", "account_balance", "created_at"
                ],
                "properties": {
                  "customer_id": {"$ref": "#/components/schemas/CustomerID"},
                  "first_name": {"$ref": "#/components/schemas/CustomerName"},
                  "last_name": {"$ref": "#/components/schemas/CustomerName"},
                  "email": {"type": ["string", "null"], "minLength": 1, "maxLength": 254},
                  "phone": {"$ref": "#/components/schemas/PhoneOrNull"},
                  "address": {"type": ["string", "null"], "minLength": 1, "maxLength": 512},
                  "date_of_birth": {
                    "type": ["string", "null"],
                    "format": "date",
                    "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
                  },
                  "account_balance": {
                    "description": "An exact decimal.",
                    "type": ["string", "null"],
                    "pattern": "^-?[0-9]{1,17}[.][0-9]{2}$"
                  },
                  "created_at": {
                    "oneOf": [{"$ref": "#/components/schemas/Time"}, {"type": "null"}]
                  }
                }
              },
              "CustomerWithCards": {
                "description": "A customer, and the cards of their phone.",
                "type": "object",
                "required": [
                  "customer_id", "first_name", "last_name", "email", "phone", "address",
                  "date_of_birth", "account_balance", "created_at", "cards", "next"
                ],
                "properties": {
                  "customer_id": {"$ref": "#/components/schemas/CustomerID"},
                  "first_name": {"$ref": "#/components/schemas/CustomerName"},
                  "last_name": {"$ref": "#/components/schemas/CustomerName"},
                  "email": {"type": ["string", "null"], "minLength": 1, "maxLength": 254},
                  "phone": {"$ref": "#/components/schemas/PhoneOrNull"},
                  "address": {"type": ["string", "null"], "minLength": 1, "maxLength": 512},
                  "date_of_birth": {
                    "type": ["string", "null"],
                    "format": "date",
                    "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
                  },
                  "account_balance": {
                    "description": "An exact decimal.",
                    "type": ["string", "null"],
                    "pattern": "^-?[0-9]{1,17}[.][0-9]{2}$"
                  },
                  "created_at": {
                    "oneOf": [{"$ref": "#/components/schemas/Time"}, {"type": "null"}]
                  },
                  "cards": {
                    "description": "In the order of the IDs' bytes.",
                    "type": "array",
                    "maxItems": 100,
                    "items": {"$ref": "#/components/schemas/Card"}
                  },
                  "next": {
                    "description": "The cursor of the next page; null on the last one.",
                    "oneOf": [
                      {"$ref": "#/components/schemas/CardID"},
                      {"type": "null"}
                    ]
                  }
                }
              },
              "CustomerPage": {
                "type": "object",
                "required": ["data", "total", "page", "limit"],
                "properties": {
                  "data": {
                    "type": "array",
                    "maxItems": 100,
                    "items": {"$ref": "#/components/schemas/Customer"}
                  },
                  "total": {
                    "description": "Of all pages.",
                    "type": "integer",
                    "minimum": 0
                  },
                  "page": {"type": "integer", "minimum": 1},
                  "limit": {"type": "integer", "minimum": 1, "maximum": 100}
                }
              },
              "CardStatusAnswer": {
                "type": "object",
                "required": ["status", "data"],
                "properties": {
                  "status": {"type": "string", "enum": ["success"]},
                  "data": {
                    "type": "array",
                    "maxItems": 100,
                    "items": {"$ref": "#/components/schemas/CardStatusEntry"}
                  }
                }
              },
              "CardStatusEntry": {
                "description": "The current state of a card, in the shape of earlier systems.",
                "type": "object",
                "required": ["card_id", "user_mobile", "status", "timestamp", "comment"],
                "properties": {
                  "card_id": {"$ref": "#/components/schemas/CardID"},
                  "user_mobile": {"$ref": "#/components/schemas/PhoneOrNull"},
                  "status": {"$ref": "#/components/schemas/Status"},
                  "timestamp": {"$ref": "#/components/schemas/Time"},
                  "comment": {"$ref": "#/components/schemas/Comment"}
                }
              },
              "CardStatusError": {
                "type": "object",
                "required": ["status", "message"],
                "properties": {
                  "status": {"type": "string", "enum": ["error"]},
                  "message": {"type": "string", "minLength": 1}
                }
              },
              "Health": {
                "type": "object",
                "required": ["status"],
                "properties": {"status": {"type": "string", "enum": ["ok"]}}
              },
              "Readiness": {
                "type": "object",
                "required": ["status", "answers_from", "fill"],
                "properties": {
                  "status": {"type": "string", "enum": ["ready"]},
                  "fill": {"$ref": "#/components/schemas/FillOrNull"},
                  "answers_from": {
                    "description": "Both give the same answers, memory sooner.",
                    "type": "string",
                    "enum": ["store", "memory"]
                  }
                }
              },
              "FillOrNull": {
                "description": "How far the filling of an index in memory is; null when none \
        is filled.",
                "type": ["object", "null"],
                "required": ["cards", "cards_total", "seconds", "seconds_left"],
                "properties": {
                  "cards": {"type": "integer", "minimum": 0},
                  "cards_total": {"type": "integer", "minimum": 0},
                  "seconds": {"type": "number", "minimum": 0},
                  "seconds_left": {"type": ["number", "null"], "minimum": 0}
                }
              },
              "FeedName": {
                "type": "string",
                "pattern": "^[a-z0-9-]{1,32}$"
              },
              "Empty": {
                "description": "An empty parameter is as if it were not given.",
                "type": "string",
                "maxLength": 0
              },
              "EventIdentity": {
                "description": "What makes two events the same. Other members are refused.",
                "type": "object",
                "required": ["card_id", "status", "occurred_at"],
                "additionalProperties": false,
                "properties": {
                  "card_id": {"$ref": "#/components/schemas/WrittenCardID"},
                  "status": {"$ref": "#/components/schemas/Status"},
                  "occurred_at": {"$ref": "#/components/schemas/WrittenTime"},
                  "feed": {
                    "description": "Without it: `api`.",
                    "oneOf": [{"$ref": "#/components/schemas/FeedName"}, {"type": "null"}]
                  },
                  "reference": {"type": ["string", "null"], "maxLength": 64}
                }
              },
              "NewEvent": {
                "description": "What happened to a card. Other members are refused, and null is \
        as good as nothing.",
                "type": "object",
                "required": ["card_id", "status", "occurred_at"],
                "additionalProperties": false,
                "properties": {
                  "card_id": {"$ref": "#/components/schemas/WrittenCardID"},
                  "status": {"$ref": "#/components/schemas/Status"},
                  "occurred_at": {"$ref": "#/components/schemas/WrittenTime"},
                  "feed": {
                    "description": "Without it: `api`.",
                    "oneOf": [{"$ref": "#/components/schemas/FeedName"}, {"type": "null"}]
                  },
                  "reference": {
                    "description": "The sender's own name of the event, in at most 64 bytes.",
                    "type": ["string", "null"],
                    "maxLength": 64
                  },
                  "phone": {
                    "description": "As people write it; a form without a country code is \
        dialled from `region`.",
                    "type": ["string", "null"]
                  },
                  "comment": {
                    "description": "At most 1,024 bytes.",
                    "type": ["string", "null"],
                    "maxLength": 1024
                  }
                }
              },
              "WrittenTime": {
                "description": "ISO 8601 with `Z` or an offset, from 2000 to 2099. A fraction of \
        a second is cut off.",
                "type": "string",
                "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}.*$"
              },
              "ItemProblems": {
                "description": "How many, and the first hundred of them.",
                "type": "object",
                "required": ["count", "first"],
                "properties": {
                  "count": {"type": "integer", "minimum": 0},
                  "first": {
                    "type": "array",
                    "maxItems": 100,
                    "items": {"$ref": "#/components/schemas/ItemProblem"}
                  }
                }
              },
              "ItemProblem": {
                "type": "object",
                "required": ["index", "field", "reason"],
                "properties": {
                  "index": {
                    "description": "The item's place in the request, from 0.",
                    "type": "integer",
                    "minimum": 0
                  },
                  "field": {
                    "description": "Null when it is the item as a whole.",
                    "type": ["string", "null"]
                  },
                  "reason": {"type": "string", "minLength": 1}
                }
              },
              "Written": {
                "type": "object",
                "required": ["sequence", "accepted", "duplicates", "beyond_limit", "warnings"],
                "properties": {
                  "sequence": {
                    "description": "The last number of the change log when it was durable.",
                    "type": "integer",
                    "minimum": 0
                  },
                  "accepted": {
                    "description": "Items that added something.",
                    "type": "integer",
                    "minimum": 0
                  },
                  "duplicates": {
                    "description": "Items that were known already.",
                    "type": "integer",
                    "minimum": 0
                  },
                  "beyond_limit": {
                    "description": "Items older than the 512 events that their card keeps.",
                    "type": "integer",
                    "minimum": 0
                  },
                  "warnings": {"$ref": "#/components/schemas/ItemProblems"}
                }
              },
              "Changes": {
                "type": "object",
                "required": ["changes", "next"],
                "properties": {
                  "changes": {
                    "type": "array",
                    "maxItems": 1000,
                    "items": {"$ref": "#/components/schemas/Change"}
                  },
                  "next": {
                    "description": "What to give as `since` next.",
                    "type": "integer",
                    "minimum": 0
                  }
                }
              },
              "Change": {
                "type": "object",
                "required": ["sequence", "card_id"],
                "properties": {
                  "sequence": {"type": "integer", "minimum": 1},
                  "card_id": {"$ref": "#/components/schemas/CardID"}
                }
              },
              "ReloadReport": {
                "type": "object",
                "required": ["steps", "milliseconds"],
                "properties": {
                  "steps": {
                    "type": "array",
                    "items": {"$ref": "#/components/schemas/ReloadStep"}
                  },
                  "milliseconds": {"type": "number", "minimum": 0}
                }
              },
              "ReloadStep": {
                "type": "object",
                "required": ["name", "milliseconds", "detail", "cards", "bytes"],
                "properties": {
                  "name": {
                    "type": "string",
                    "enum": [
                      "config", "certs", "keys", "index_fill", "index_catch_up", "index_swap",
                      "index_release"
                    ]
                  },
                  "milliseconds": {"type": "number", "minimum": 0},
                  "detail": {"type": "string", "minLength": 1},
                  "cards": {
                    "description": "Where the step is about cards.",
                    "type": ["integer", "null"],
                    "minimum": 0
                  },
                  "bytes": {
                    "description": "Memory that it took or gave back.",
                    "type": ["integer", "null"],
                    "minimum": 0
                  }
                }
              },
              "Backup": {
                "type": "object",
                "required": ["name", "path", "bytes", "milliseconds", "compacted", "verified"],
                "properties": {
                  "name": {"type": "string", "minLength": 1},
                  "path": {"description": "The data file.", "type": "string", "minLength": 1},
                  "bytes": {"type": "integer", "minimum": 0},
                  "milliseconds": {"type": "number", "minimum": 0},
                  "compacted": {"type": "boolean"},
                  "verified": {"type": "boolean"}
                }
              },
              "LogLevelName": {
                "type": "string",
                "enum": ["trace", "debug", "info", "notice", "warning", "error", "critical"]
              },
              "LogLevel": {
                "type": "object",
                "additionalProperties": false,
                "required": ["level"],
                "properties": {"level": {"$ref": "#/components/schemas/LogLevelName"}}
              },
              "SlowRequests": {
                "type": "object",
                "additionalProperties": false,
                "required": ["threshold_us", "length", "count", "latest", "slowest"],
                "properties": {
                  "threshold_us": {
                    "type": ["integer", "null"],
                    "description": "From how many microseconds on a request is slow; null when \
        none is."
                  },
                  "length": {
                    "type": "integer",
                    "description": "How many of the latest are kept."
                  },
                  "count": {
                    "type": "integer",
                    "description": "Slow requests since the start or the last reset."
                  },
                  "latest": {
                    "type": "array",
                    "description": "The latest first.",
                    "items": {"$ref": "#/components/schemas/SlowRequest"}
                  },
                  "slowest": {
                    "type": "array",
                    "description": "The slowest of each route, and how many the route had.",
                    "items": {"$ref": "#/components/schemas/SlowRequest"}
                  }
                }
              },
              "SlowRequest": {
                "type": "object",
                "additionalProperties": false,
                "required": [
                  "number", "time", "method", "route", "status", "total_us", "received_us",
                  "handled_us", "waited_us", "sent_us", "request_bytes", "reply_bytes"
                ],
                "properties": {
                  "number": {"type": "integer"},
                  "time": {
                    "type": ["string", "null"],
                    "format": "date-time",
                    "description": "When it ended."
                  },
                  "method": {"type": "string"},
                  "route": {
                    "type": ["string", "null"],
                    "description": "The path's pattern, or `unmatched`."
                  },
                  "status": {"type": "integer"},
                  "total_us": {
                    "type": "integer",
                    "description": "From the request line to the answer's last byte."
                  },
                  "received_us": {
                    "type": ["integer", "null"],
                    "description": "Until the body was there; null without one."
                  },
                  "handled_us": {
                    "type": ["integer", "null"],
                    "description": "On the worker's thread. It and `sent_us` are null for an \
        answer that was made at once to a request without a body."
                  },
                  "waited_us": {
                    "type": ["integer", "null"],
                    "description": "For a commit, a page, an upstream or whatever else the answer \
        needed; null when it needed nothing."
                  },
                  "sent_us": {
                    "type": ["integer", "null"],
                    "description": "Until the client had taken the answer."
                  },
                  "request_bytes": {"type": "integer", "description": "Of the body."},
                  "reply_bytes": {"type": "integer", "description": "Of the body, as it was sent."},
                  "count": {
                    "type": "integer",
                    "description": "In `slowest`: slow requests of the route."
                  }
                }
              },
              "Statistics": {
                "type": "object",
                "required": ["memory", "store", "index", "fill", "writer", "connections"],
                "properties": {
                  "memory": {
                    "type": "object",
                    "required": ["resident_bytes", "anonymous_bytes"],
                    "properties": {
                      "resident_bytes": {"type": "integer", "minimum": 0},
                      "anonymous_bytes": {"type": "integer", "minimum": 0}
                    }
                  },
                  "store": {
                    "type": "object",
                    "required": [
                      "cards", "events", "phones", "last_sequence", "changes", "used_bytes",
                      "map_bytes"
                    ],
                    "properties": {
                      "cards": {"type": "integer", "minimum": 0},
                      "events": {"type": "integer", "minimum": 0},
                      "phones": {"type": "integer", "minimum": 0},
                      "last_sequence": {"type": "integer", "minimum": 0},
                      "changes": {
                        "description": "Entries that the change log has.",
                        "type": "integer",
                        "minimum": 0
                      },
                      "used_bytes": {"type": "integer", "minimum": 0},
                      "map_bytes": {"type": "integer", "minimum": 0}
                    }
                  },
                  "index": {
                    "description": "Null while answers come from the store.",
                    "type": ["object", "null"],
                    "required": [
                      "cards", "table_bytes", "record_bytes", "free_bytes", "retired_bytes"
                    ],
                    "properties": {
                      "cards": {"type": "integer", "minimum": 0},
                      "table_bytes": {"type": "integer", "minimum": 0},
                      "record_bytes": {"type": "integer", "minimum": 0},
                      "free_bytes": {"type": "integer", "minimum": 0},
                      "retired_bytes": {"type": "integer", "minimum": 0}
                    }
                  },
                  "fill": {"$ref": "#/components/schemas/FillOrNull"},
                  "writer": {
                    "type": "object",
                    "required": ["queued", "queue_limit", "failure"],
                    "properties": {
                      "queued": {"type": "integer", "minimum": 0},
                      "queue_limit": {"type": "integer", "minimum": 0},
                      "failure": {
                        "description": "Why writing has stopped for good.",
                        "type": ["string", "null"]
                      }
                    }
                  },
                  "connections": {
                    "type": "object",
                    "required": ["open", "accepted", "suspended"],
                    "properties": {
                      "open": {"type": "integer", "minimum": 0},
                      "accepted": {"type": "integer", "minimum": 0},
                      "suspended": {"type": "integer", "minimum": 0}
                    }
                  }
                }
              },
              "Problem": {
                "description": "An error as RFC 9457 has it.",
                "type": "object",
                "required": ["type", "title", "status", "detail"],
                "properties": {
                  "type": {
                    "description": "What went wrong, for programs to decide by.",
                    "type": "string",
                    "format": "uri",
                    "enum": [
                      "urn:cardstatus:problem:malformed",
                      "urn:cardstatus:problem:unauthorized",
                      "urn:cardstatus:problem:forbidden",
                      "urn:cardstatus:problem:foreign-host",
                      "urn:cardstatus:problem:unknown-card",
                      "urn:cardstatus:problem:unknown-feed",
                      "urn:cardstatus:problem:unknown-run",
                      "urn:cardstatus:problem:unknown-customer",
                      "urn:cardstatus:problem:unknown-route",
                      "urn:cardstatus:problem:method-not-allowed",
                      "urn:cardstatus:problem:body-too-large",
                      "urn:cardstatus:problem:unsupported-media-type",
                      "urn:cardstatus:problem:invalid-parameter",
                      "urn:cardstatus:problem:too-many-requests",
                      "urn:cardstatus:problem:failed",
                      "urn:cardstatus:problem:not-ready",
                      "urn:cardstatus:problem:busy",
                      "urn:cardstatus:problem:conflict",
                      "urn:cardstatus:problem:invalid",
                      "urn:cardstatus:problem:changes-gone",
                      "urn:cardstatus:problem:no-room",
                      "urn:cardstatus:problem:writing-stopped",
                      "urn:cardstatus:problem:upstream-failed"
                    ]
                  },
                  "title": {"type": "string", "minLength": 1},
                  "status": {
                    "description": "The answer's status.",
                    "type": "integer",
                    "enum": [
                      400, 401, 403, 404, 405, 409, 410, 413, 415, 421, 422, 429, 500, 502, 503, 507
                    ]
                  },
                  "detail": {"type": "string", "minLength": 1},
                  "errors": {"$ref": "#/components/schemas/ItemProblems"},
                  "oldest": {
                    "description": "The first number of the change log.",
                    "type": "integer",
                    "minimum": 1
                  }
                }
              }
            }
          }
        }
        """
}
