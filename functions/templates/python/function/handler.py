def handle(event, context):
    print("called with", event.method, event.path)  # goes to the log: bramble logs
    return {"statusCode": 200, "body": "hello " + event.body.decode()}
