"""The content of an annotation file with three categories and four images."""


def tiny():
    """Three categories, ids with gaps and out of order; four images."""
    categories = [(1000, 'newt', 'r'), (3, 'ant', 'f'), (7, 'bee', 'c')]
    boxes = [  # image, category, box
        (20, 7, [10, 10, 50, 40]), (20, 3, [0, 0, 60, 60]), (20, 7, [5, 5, 9, 9]),
        (10, 1000, [30, 40, 20, 20]), (10, 3, [1, 1, 0.5, 30]), (40, 3, [2, 2, 8, 8]),
    ]  # fmt: skip
    return dict(
        categories=[
            dict(id=id_, name=name, frequency=frequency)
            for id_, name, frequency in categories
        ],
        images=[
            dict(
                id=id_, height=20 if id_ == 40 else 90, width=100,
                coco_url=f'http://images.cocodataset.org/val2017/{id_}.jpg',
                neg_category_ids=[7] if id_ == 10 else [],
                not_exhaustive_category_ids=[3] if id_ == 20 else [],
            )
            for id_ in (20, 10, 40, 30)
        ],
        annotations=[
            dict(id=i, image_id=image, category_id=category, bbox=box,
                 area=box[2] * box[3], segmentation=[[0, 0, 9, 0, 9, 9]])
            for i, (image, category, box) in enumerate(boxes, start=1)
        ],
    )  # fmt: skip
