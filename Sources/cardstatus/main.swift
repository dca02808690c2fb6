print("cardstatus")
